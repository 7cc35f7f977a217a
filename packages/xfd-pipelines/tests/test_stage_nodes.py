"""Which nodes get a stage's files, given what its workers need."""

from __future__ import annotations

from pathlib import Path

import pytest

from xfd_api import DownloadRequest, NodeSelector, ObjectDownloadRequest
from xfd_api.ids import NodeId
from xfd_api.node_selector import Nodes
from xfd_pipelines.collect import CollectedRequests
from xfd_pipelines.stage_nodes import for_present_nodes, nodes_that_run
from xfd_pipelines.v1 import Resources, Stage
from xfd_ray.placement import NodeInfo, matches

HEAD = NodeInfo(NodeId("aa"), "10.0.0.1", {}, {"memory": 8e9, "node:__internal_head__": 1})
PLAIN = NodeInfo(NodeId("bb"), "10.0.0.2", {"pool": "x"}, {"CPU": 8, "memory": 8e9})
GPUS = NodeInfo(NodeId("cc"), "10.0.0.3", {}, {"CPU": 8, "GPU": 2, "memory": 8e9})
BIG = NodeInfo(NodeId("dd"), "10.0.0.4", {}, {"CPU": 8, "GPU": 8, "memory": 9e11, "licence": 1})
NODES = [HEAD, PLAIN, GPUS, BIG]


@pytest.mark.parametrize(
    ("needs", "nodes"),
    [
        (Resources(), ["bb", "cc", "dd"]),
        (Resources(cpus=0), ["aa", "bb", "cc", "dd"]),
        (Resources(gpus=0.25), ["cc", "dd"]),
        (Resources(cpus=0, gpus=4), ["dd"]),
        (Resources(cpus=16), []),
        (Resources(memory_bytes=10**10), ["dd"]),
        (Resources(custom={"licence": 1}), ["dd"]),
    ],
    ids=str,
)
def test_the_nodes_that_can_run_a_stage_get_its_files(needs: Resources, nodes: list[str]) -> None:
    class Needs(Stage):
        required_resources = needs

    selector = nodes_that_run(Needs()) or NodeSelector()
    assert [node.id for node in NODES if matches(selector, node)] == nodes


def collected(nodes: Nodes, *, names_nodes: bool) -> CollectedRequests:
    request = DownloadRequest(ObjectDownloadRequest("a", Path("a")), nodes)
    return CollectedRequests((request,), (0,), (names_nodes,))


TPU = NodeSelector(resources={"TPU": 1})


@pytest.mark.parametrize(
    ("nodes", "names_nodes", "call", "may_grow", "is_kept"),
    [
        (None, False, None, False, True),
        (TPU, False, None, False, False),  # Its workers ask for the files, if they ever start.
        (TPU, False, None, True, False),
        ({"rank": "0"}, True, None, False, True),  # An error of the distribution.
        ({"rank": "0"}, True, None, True, False),
        ({"pool": "x"}, True, None, True, True),
        (NodeSelector(resources={"GPU": 1}), False, {"pool": "x"}, False, False),
    ],
)
def test_what_no_selected_node_can_run_is_left_to_the_workers(
    nodes: Nodes, call: dict[str, str] | None, *, names_nodes: bool, may_grow: bool, is_kept: bool
) -> None:
    given = collected(nodes, names_nodes=names_nodes)
    selector = NodeSelector(labels=call or {})
    kept = for_present_nodes(given, NODES, selector, may_grow=may_grow)
    assert kept == (given if is_kept else CollectedRequests())
