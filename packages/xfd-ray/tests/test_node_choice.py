"""The option `--nodes`."""

from __future__ import annotations

import argparse

import pytest

from xfd_api.errors import InvalidRequestError, NoNodesError
from xfd_api.ids import NodeId
from xfd_api.node_selector import NodeSelector
from xfd_ray.cli.node_choice import NodeChoice, names_of, parse_nodes
from xfd_ray.placement import NodeInfo

LIVE = (
    NodeInfo(NodeId("3f2a" + "0" * 52), "10.0.0.1", host="gpu-1"),
    NodeInfo(NodeId("3f2b" + "0" * 52), "10.0.0.2", host="gpu-2"),
    NodeInfo(NodeId("4000" + "0" * 52), "10.0.0.3", host="gpu-2"),
)


@pytest.mark.parametrize(
    ("text", "names", "labels"),
    [
        ("market=spot", (), {"market": "spot"}),
        ("market=spot, zone=b", (), {"market": "spot", "zone": "b"}),
        ("gpu-1,3f2a", ("gpu-1", "3f2a"), {}),
        ("gpu-1,market=", ("gpu-1",), {"market": ""}),
    ],
)
def test_labels_and_names_are_told_apart(
    text: str, names: tuple[str, ...], labels: dict[str, str]
) -> None:
    assert parse_nodes(text) == (names, labels)


@pytest.mark.parametrize("text", ["", " , ", "=spot"])
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        parse_nodes(text)


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("gpu-1", [0]),
        ("gpu-2", [1, 2]),
        ("10.0.0.2", [1]),
        ("3f2a", [0]),
        ("3f2a0000", [0]),
        (LIVE[2].id, [2]),
    ],
)
def test_a_name_finds_its_nodes(name: str, places: list[int]) -> None:
    assert NodeChoice((name,)).selector(LIVE) == NodeSelector(
        ids=tuple(LIVE[place].id for place in places)
    )


@pytest.mark.parametrize("name", ["gpu-3", "3f", "3f2c"])
def test_a_name_that_fits_no_node_is_refused(name: str) -> None:
    with pytest.raises(NoNodesError, match=f"called {name}.*gpu-1, 3f2b00000000"):
        NodeChoice((name,)).selector(LIVE)


def test_the_beginning_of_several_ids_names_none_of_them() -> None:
    alike = (*LIVE, NodeInfo(NodeId("3f2a" + "1" * 52), "10.0.0.4", host="gpu-3"))

    with pytest.raises(InvalidRequestError, match="3f2a is the beginning of 2 node ids"):
        NodeChoice(("3f2a",)).selector(alike)
    assert NodeChoice(("3f2a1",)).selector(alike).ids == (alike[-1].id,)


def test_without_a_name_nodes_that_come_later_may_fit() -> None:
    assert NodeChoice().selector(LIVE) == NodeSelector()
    assert NodeChoice((), {"a": "b"}, exclude_head=True).selector(LIVE) == NodeSelector(
        labels={"a": "b"}, exclude_head=True
    )


def test_nodes_are_called_by_their_host_if_that_is_theirs_alone() -> None:
    assert list(names_of(LIVE).values()) == ["gpu-1", "3f2b00000000", "400000000000"]
