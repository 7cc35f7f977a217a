"""A pipeline's download configuration takes every option of a distribution."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from xfd_api import ObjectStoreConfig
from xfd_api.errors import InvalidRequestError
from xfd_pipelines.pipelines import DistributedDownloadConfig
from xfd_ray import DistributionOptions

STORE = ObjectStoreConfig.make_for_s3("bucket")


def test_the_options_have_the_names_types_and_defaults_of_a_distribution() -> None:
    ours = dict(inspect.signature(DistributedDownloadConfig).parameters)
    for own in ("object_store_config", "on_report"):
        del ours[own]
    assert ours == dict(inspect.signature(DistributionOptions).parameters)


def test_the_options_reach_the_distribution() -> None:
    given: dict[str, Any] = {"chunk_size_bytes": 50 * 2**20, "node_parallelism": 20}
    config = DistributedDownloadConfig(STORE, **given, verbose=True)
    assert config.as_arguments() == DistributionOptions(**given, verbose=True).as_arguments()


@pytest.mark.parametrize("option", [{"keep_s": "60"}, {"durability": "perhaps"}], ids=str)
def test_an_option_that_makes_no_sense_is_refused_at_once(option: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=next(iter(option))):
        DistributedDownloadConfig(STORE, **option)
