"""The examples in the docstrings of `xfd_ray` do what they show, on a cluster."""

from __future__ import annotations

import pytest

import xfd_ray
from xfd_testing.docstrings import has_example, public_calls, run_examples
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server

WITHOUT_EXAMPLE = {"LinkRates", "report_text"}
"""Values and text; `README.md` shows the text."""

CALLS = [each for each in public_calls(xfd_ray) if each[0] not in WITHOUT_EXAMPLE]


@pytest.fixture(scope="module")
def models(s3_server: S3Server, my_models: str) -> None:
    """The object that the examples read."""
    s3_server.put(my_models, "llama/config.json", b"{}")


@pytest.mark.parametrize(("name", "call"), CALLS, ids=[name for name, _ in CALLS])
def test_each_call_shows_an_example_that_works(
    name: str, call: object, models: None, driver: RayCluster
) -> None:
    assert has_example(call)
    run_examples(call, {})
