"""Requests of one call for different nodes: which nodes take part, and which requests fit none."""

from __future__ import annotations

from pathlib import Path

import pytest

from xfd_api.errors import NoNodesError
from xfd_api.ids import NodeId
from xfd_api.lookups import plan_downloads
from xfd_api.node_selector import Nodes, NodeSelector, as_selector, both
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_ray.placement import NodeInfo, may_meet
from xfd_ray.request_nodes import RequestNodes, select_for

HEAD = NodeInfo(NodeId("aa"), "10.0.0.1", {}, {"CPU": 8, "node:__internal_head__": 1})
ZERO = NodeInfo(NodeId("bb"), "10.0.0.2", {"rank": "0"}, {"CPU": 8, "GPU": 4})
ONE = NodeInfo(NodeId("cc"), "10.0.0.3", {"rank": "1"}, {"CPU": 8, "GPU": 8})
LIVE = [HEAD, ZERO, ONE]
GPU = NodeSelector(resources={"GPU": 1})


def chosen(call: Nodes, *requests: Nodes) -> list[str]:
    asked = [
        DownloadRequest(ObjectDownloadRequest(f"s3://bucket/{k}", Path(str(k))), nodes)
        for k, nodes in enumerate(requests)
    ]
    lookups = plan_downloads(asked, None).lookups
    return [node.id for node in select_for(LIVE, as_selector(call), lookups)]


@pytest.mark.parametrize(
    ("call", "requests", "nodes"),
    [
        (None, [None], ["aa", "bb", "cc"]),
        (None, [None, {"rank": "0"}], ["aa", "bb", "cc"]),
        (None, [{"rank": "0"}], ["bb"]),
        (None, [{"rank": "0"}, {"rank": "1"}], ["bb", "cc"]),
        (None, [["aa"], {"rank": "1"}], ["aa", "cc"]),
        (GPU, [None], ["bb", "cc"]),
        (GPU, [{"rank": "1"}], ["cc"]),
        (["aa", "bb"], [GPU], ["bb"]),
        (None, [NodeSelector(resources={"GPU": 8})], ["cc"]),
        (None, [NodeSelector(exclude_head=True)], ["bb", "cc"]),
    ],
)
def test_a_node_takes_part_if_a_request_is_for_it(
    call: Nodes, requests: list[Nodes], nodes: list[str]
) -> None:
    assert chosen(call, *requests) == nodes


@pytest.mark.parametrize(
    ("call", "requests", "named", "message"),
    [
        (None, [None, {"rank": "2"}], "1", "none of the call's 3 nodes.*rank=2 .there is 0, 1"),
        (GPU, [{"rank": "0"}, ["aa"]], "1", "not among the call's 2: aa"),
        (None, [["bb", "dd", "ee"]], "0", "not among the call's 3: dd, ee"),
        ({"rank": "0"}, [{"rank": "1"}], "0", "none of the call's 1 nodes"),
        (None, [NodeSelector(resources={"TPU": 1})], "0", "resource TPU of 1 or more"),
        (None, [NodeSelector(ids=())], "0", "none of the call's 3 nodes"),
    ],
)
def test_a_request_for_no_node_is_refused_by_its_name(
    call: Nodes, requests: list[Nodes], named: str, message: str
) -> None:
    with pytest.raises(NoNodesError, match=message) as caught:
        chosen(call, *requests)
    assert caught.value.object == named
    assert "nodes=" in caught.value.remedy


def test_a_call_for_no_node_is_an_error_of_the_call() -> None:
    with pytest.raises(NoNodesError, match="None of the 3 live nodes") as caught:
        chosen({"pool": "none"}, {"rank": "0"})
    assert caught.value.object is None


RANK_0, RANK_1 = NodeSelector(labels={"rank": "0"}), NodeSelector(labels={"rank": "1"})


@pytest.mark.parametrize(
    ("one", "two", "meet"),
    [
        (NodeSelector(), RANK_0, True),
        (RANK_0, RANK_0, True),
        (RANK_0, RANK_1, False),
        (RANK_0, NodeSelector(labels={"pool": "a"}), True),  # A node that joins may have both.
        (RANK_0, NodeSelector(ids=("bb",)), True),
        (RANK_0, NodeSelector(ids=("aa", "cc")), False),
        (NodeSelector(ids=("aa",)), NodeSelector(ids=("bb",)), False),
        (NodeSelector(ids=("aa", "bb")), NodeSelector(ids=("bb",)), True),
        (NodeSelector(ids=("aa",)), NodeSelector(exclude_head=True), False),
        (NodeSelector(ids=("bb",)), NodeSelector(resources={"GPU": 8}), False),
        (GPU, NodeSelector(resources={"GPU": 8}), True),
    ],
)
def test_whether_a_node_is_selected_by_two(
    one: NodeSelector, two: NodeSelector, *, meet: bool
) -> None:
    live = {node.id: node for node in LIVE}
    assert may_meet(one, two, live) is meet
    assert may_meet(two, one, live) is meet


def test_both_selects_what_each_selects() -> None:
    joined = both(
        NodeSelector(("aa", "bb"), resources={"GPU": 2}), NodeSelector(resources={"GPU": 4})
    )
    assert joined == NodeSelector(("aa", "bb"), resources={"GPU": 4})
    assert both(RANK_0, RANK_1).ids == ()


def test_the_selectors_of_a_node_are_found_among_many() -> None:
    own = [NodeSelector(ids=(f"n{k}",)) for k in range(1000)]
    nodes = RequestNodes([*own, RANK_0, NodeSelector()])
    node = NodeInfo(NodeId("n7"), "10.0.0.7", {"rank": "0"})
    assert nodes.selecting(node) == {own[7], RANK_0, NodeSelector()}
