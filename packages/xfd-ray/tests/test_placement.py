"""Who takes part."""

import pytest

from xfd_api.errors import InvalidRequestError, NoNodesError
from xfd_api.ids import NodeId
from xfd_ray.placement import NodeInfo, NodeSelector, as_selector, nodes_of_ray, select

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


@pytest.mark.parametrize(
    "conditions",
    [
        {"ids": "aa"},
        {"ids": {"aa"}},
        {"ids": (b"aa",)},
        {"labels": "pool=train"},
        {"labels": None},
        {"resources": "GPU"},
        {"resources": {"GPU": "1"}},
        {"resources": {"GPU": True}},
    ],
    ids=str,
)
def test_a_condition_of_the_wrong_type_is_refused_by_name(conditions):
    [name] = conditions
    with pytest.raises(InvalidRequestError, match=name) as caught:
        NodeSelector(**conditions)
    assert caught.value.remedy


@pytest.mark.parametrize("nodes", ["aa", [], 3, [1, 2], {"aa"}])
def test_what_is_no_selection_is_refused(nodes):
    with pytest.raises(InvalidRequestError):
        as_selector(nodes)


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


def test_only_a_list_of_ids_leaves_late_nodes_out():
    assert as_selector(None).takes_late_nodes
    assert as_selector({"pool": "train"}).takes_late_nodes
    assert not as_selector(["aa"]).takes_late_nodes
