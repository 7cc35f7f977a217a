"""What a caller may give, and what is refused before Ray is needed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from inprocess import STORES, requests

import xfd_ray
from xfd_api.errors import InvalidRequestError
from xfd_ray.validation import CHECKS

OWN = ("download_requests", "object_store_config", "priorities")
"""Arguments of a call that are no options of a distribution."""


def arguments_of(call: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(call).parameters)


def test_both_calls_take_the_same_arguments():
    ours = arguments_of(xfd_ray.download_distributed)
    assert ours == arguments_of(xfd_ray.distribution)
    assert "deadline_s" in ours


def test_the_options_are_the_arguments_of_the_calls_by_name_type_and_default():
    ours = arguments_of(xfd_ray.download_distributed)
    options = {name: argument for name, argument in ours.items() if name not in OWN}
    assert options == arguments_of(xfd_ray.DistributionOptions)
    assert set(options) == set(CHECKS)


def test_every_argument_is_explained():
    doc = inspect.getdoc(xfd_ray.download_distributed)
    assert doc is not None
    for name in inspect.signature(xfd_ray.download_distributed).parameters:
        assert f"    {name}: " in doc


@pytest.mark.parametrize(
    "options",
    [
        {"node_parallelism": 0},
        {"node_parallelism": 2.0},
        {"node_parallelism": True},
        {"node_parallelism": "8"},
        {"keep_s": "60"},
        {"deadline_s": "5"},
        {"peer_ports": "90"},
        {"peer_ports": 9000},
        {"peer_ports": ("9000", "9001")},
        {"nodes": "one"},
        {"object_store_parallelism": 0},
        {"chunk_size_bytes": 0},
        {"chunk_size_bytes": 2**30},
        {"keep_s": -1.0},
        {"deadline_s": -1.0},
        {"deadline_s": float("nan")},
        {"durability": "perhaps"},
        {"peer_ports": (0, 1)},
        {"peer_ports": (9000,)},
        {"nodes": []},
        {"origin_policy": "never"},
        {"origin_policy": 0},
        {"origin_policy": True},
        {"priorities": [1, 2]},
        {"peer_tls": "yes"},
        {"on_node_failure": "cry"},
        {"on_version_conflict": "cry"},
        {"node_settings": {"attempts": 2}},
        {"prices": {"origin_per_gb": 0.1}},
        {"rates": 10.0},
        {"on_progress": "print"},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_by_name_before_ray_is_started(options: dict[str, Any]):
    [name] = options
    with pytest.raises(InvalidRequestError, match=name) as raised:
        xfd_ray.download_distributed(requests("big"), STORES, **options)
    assert raised.value.remedy


def test_nothing_to_download_is_refused():
    for call in (xfd_ray.download_distributed, xfd_ray.ensure_local):
        with pytest.raises(InvalidRequestError, match="nothing"):
            call([], STORES)


def test_a_distribution_equals_only_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("xfd_ray.distribute.connect_to_ray", lambda: None)
    monkeypatch.setattr("xfd_ray.distribute.inherited_variables", dict)
    big, small = (
        xfd_ray.distribution(requests(key), STORES, nodes=["a node"]) for key in ("big", "small")
    )
    assert big != small
    assert len({big, small}) == 2
