"""Who takes part."""

import pytest

from xfd_api.errors import NoNodesError
from xfd_api.ids import NodeId
from xfd_api.node_selector import NodeSelector, as_selector
from xfd_ray.placement import NodeInfo, nodes_of_ray, select

HEAD = NodeInfo(NodeId("aa"), "10.0.0.1", {}, {"CPU": 8, "node:__internal_head__": 1})
GPU = NodeInfo(NodeId("cc"), "10.0.0.3", {"pool": "train"}, {"CPU": 8, "GPU": 4})
PLAIN = NodeInfo(NodeId("bb"), "10.0.0.2", {"pool": "serve"}, {"CPU": 8})
LIVE = [HEAD, GPU, PLAIN]


@pytest.mark.parametrize(
    ("nodes", "chosen"),
    [
        (None, ["aa", "bb", "cc"]),
        (["cc", "aa"], ["aa", "cc"]),
        ({"pool": "train"}, ["cc"]),
        (NodeSelector(exclude_head=True), ["bb", "cc"]),
        (NodeSelector(resources={"GPU": 1}), ["cc"]),
        (NodeSelector(resources={"CPU": 4}, labels={"pool": "serve"}), ["bb"]),
    ],
)
def test_each_form_of_nodes_selects(nodes, chosen):
    assert [node.id for node in select(LIVE, as_selector(nodes))] == chosen


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ({"pool": "none"}, "None of the 3 live nodes .* pool=none .there is serve, train"),
        ({"zone": "a"}, "zone=a .there is no such label"),
        (NodeSelector(resources={"TPU": 1}), "resource TPU of 1 or more"),
        (NodeSelector(labels={"pool": "none"}, exclude_head=True), "and not the head"),
    ],
)
def test_a_selection_without_nodes_says_what_there_is_instead(nodes, message):
    with pytest.raises(NoNodesError, match=message):
        select(LIVE, as_selector(nodes))


def test_an_id_of_no_live_node_is_refused_by_name():
    with pytest.raises(NoNodesError, match="dd"):
        select(LIVE, as_selector(["aa", "dd"]))


def test_dead_nodes_that_ray_still_lists_are_skipped():
    listed = [
        {"NodeID": "aa", "NodeManagerAddress": "10.0.0.1", "Alive": False, "Resources": {}},
        {
            "NodeID": "bb",
            "NodeManagerAddress": "10.0.0.2",
            "NodeManagerHostname": "gpu-17",
            "Alive": True,
            "Resources": {"CPU": 2.0},
            "Labels": {"topology.kubernetes.io/zone": "b"},
        },
    ]
    (node,) = nodes_of_ray(listed)
    assert (node.id, node.address, node.host) == ("bb", "10.0.0.2", "gpu-17")
    assert (node.zone, node.is_head) == ("b", False)
