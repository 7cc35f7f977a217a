"""A stage gives its values as attributes or as properties."""

from __future__ import annotations

import pytest
from stage_forms import Attributes, OfOneInstance, Properties

from xfd_api import ObjectStoreConfig
from xfd_pipelines import specs, v1
from xfd_pipelines.checks import ATTRIBUTES, check_pipeline
from xfd_pipelines.collect import collect_requests

STORE = ObjectStoreConfig.make_for_s3("bucket")


@pytest.mark.parametrize(
    "stage",
    [Attributes(), OfOneInstance(4, 2), Properties()],
    ids=["attributes", "of one instance", "properties"],
)
def test_each_form_is_accepted(stage: v1.Stage) -> None:
    check_pipeline(specs.PipelineSpec(input_data=[], stages=[stage]), None)


@pytest.mark.parametrize("kind", [Attributes, Properties])
def test_these_stages_override_every_value(kind: type[v1.Stage]) -> None:
    assert set(ATTRIBUTES) <= set(vars(kind))


def test_requests_are_collected_from_either_form() -> None:
    collected = collect_requests([Attributes(), Properties()], STORE)
    assert [request.value.uri for request in collected.requests] == [
        "models/weights.bin",
        "tokenizer/",
    ]
