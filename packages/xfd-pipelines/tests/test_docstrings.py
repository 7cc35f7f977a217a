"""The public classes and calls show examples, which do what they show."""

from __future__ import annotations

import pytest

from xfd_pipelines import pipelines, prefetch, specs, v1
from xfd_testing.docstrings import has_example, run_examples

WITHOUT_CLUSTER = [
    (pipelines.DistributedDownloadConfig, prefetch),
    (specs.PipelineConfig, specs),
    (specs.PipelineSpec, specs),
    (v1.Resources, v1),
    (v1.Stage, v1),
]


@pytest.mark.parametrize(("call", "module"), WITHOUT_CLUSTER, ids=lambda each: each.__name__)
def test_examples_that_need_no_cluster(call: type, module: object) -> None:
    assert has_example(call)
    run_examples(call, vars(module))


def test_running_a_pipeline_shows_an_example() -> None:
    """`test_run_pipeline.py` runs it."""
    assert has_example(pipelines.run_pipeline)
