"""A function is called on each node; one that fails there affects no other."""

from __future__ import annotations

import os
import time
from pathlib import Path

from xfd_api import root
from xfd_api.errors import DiskFullError, NodeLostError, NodeUnavailableError, XfdError
from xfd_api.ids import NodeId
from xfd_ray.cluster.each_node import live_nodes, on_each_node
from xfd_ray.placement import NodeInfo
from xfd_testing.ray_cluster import RayCluster


def test_each_node_answers_from_its_own_root(driver: RayCluster) -> None:
    found = on_each_node(root)

    assert found == {node.id: node.root for node in driver.nodes}
    assert list(found) == sorted(found) == [node.id for node in live_nodes()]


def test_a_selection_leaves_other_nodes_alone(driver: RayCluster) -> None:
    chosen = driver.nodes[1].id

    assert on_each_node(root, nodes=[chosen]) == {chosen: driver.nodes[1].root}


def test_a_node_that_was_lost_since_it_was_looked_up_fails_alone(driver: RayCluster) -> None:
    gone = NodeInfo(NodeId("e" * 56), "10.0.0.9", host="gpu-9")

    found = on_each_node(root, nodes=[*live_nodes(), gone])

    assert {type(answer) for answer in found.values()} == {type(root()), NodeUnavailableError}
    assert isinstance(found[gone.id], NodeUnavailableError)


def test_a_failure_is_its_nodes_own(driver: RayCluster) -> None:
    full, dying, slow = (node.root for node in driver.nodes)

    def act(full: Path, dying: Path, slow: Path) -> str:
        if root() == full:
            raise DiskFullError("No room", path="/data")
        if root() == dying:
            os._exit(1)
        time.sleep(60)
        return "late"

    on_each_node(root)  # Each node has a process now, so that few seconds are enough.
    found = on_each_node(act, full, dying, slow, timeout_s=8.0)

    errors = [found[node.id] for node in driver.nodes]
    assert [type(error) for error in errors] == [DiskFullError, NodeLostError, NodeUnavailableError]
    assert [error.node for error in errors if isinstance(error, XfdError)] == [
        node.id for node in driver.nodes
    ]
