"""Nodes that Ray lists and that take no worker: drained, frozen, dying. No Ray anywhere."""

from __future__ import annotations

import time

import pytest
from inprocess import LocalCluster, lease, over, run_async, until

from xfd_api.errors import NodeLostError, NodeUnavailableError
from xfd_api.ids import NodeId
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.report_format import report_text

MIB = 2**20
SIZES = {"big": 8 * MIB}
DRAINED = NodeUnavailableError("Ray starts no process there")


def refusing(cluster: LocalCluster, *nodes: str) -> Coordinator:
    cluster.start_errors.update({NodeId(node): DRAINED.at_node(node) for node in nodes})
    return Coordinator(cluster, tick_s=0.05)


@pytest.mark.parametrize("refused", [["n0"], ["n2"], ["n0", "n1"]])
def test_a_node_that_takes_no_worker_is_left_out_and_named(refused: list[str]) -> None:
    @run_async
    async def check() -> None:
        cluster = LocalCluster(3, SIZES)
        coordinator = refusing(cluster, *refused)
        began = time.monotonic()
        await coordinator.attach(lease("l", "big"))
        report = (await over(coordinator, "l")).report
        assert report is not None
        assert time.monotonic() - began < 8.0
        assert report.nodes_lost == tuple(refused)
        by_name = {node.node: node for node in report.nodes}
        for name, node in by_name.items():
            assert node.state == ("lost" if name in refused else "done")
        assert isinstance(by_name[NodeId(refused[0])].error, NodeUnavailableError)
        assert f"host-{refused[0]} ({refused[0]}): Ray starts no process there" in report_text(
            report
        )
        # The others had theirs long before the node was given up.
        assert report.elapsed_s < 2.0
        assert {item.nodes_landed for item in report.objects} == {3 - len(refused)}

    check()


@run_async
async def test_a_node_that_takes_no_worker_ends_a_distribution_that_is_to_fail():
    cluster = LocalCluster(2, SIZES)
    coordinator = refusing(cluster, "n1")
    await coordinator.attach(lease("l", "big", on_node_failure="fail"))
    error = (await over(coordinator, "l")).error
    assert isinstance(error, NodeUnavailableError)
    assert error.node == "n1"


@pytest.mark.parametrize("nodes", [1, 3])
def test_where_no_node_takes_a_worker_the_error_says_so(nodes: int) -> None:
    @run_async
    async def check() -> None:
        cluster = LocalCluster(nodes, SIZES)
        coordinator = refusing(cluster, *(f"n{k}" for k in range(nodes)))
        began = time.monotonic()
        await coordinator.attach(lease("l", "big"))
        error = (await over(coordinator, "l")).error
        assert isinstance(error, NodeUnavailableError)
        assert time.monotonic() - began < 8.0
        assert "nodes=" in str(error)
        if nodes > 1:
            assert "None of the 3 selected nodes takes a worker" in str(error)

    check()


@run_async
async def test_a_late_node_that_takes_no_worker_harms_no_held_lease():
    cluster = LocalCluster(2, SIZES)
    coordinator = refusing(cluster, "n9")
    await coordinator.attach(lease("l", "big"))
    assert (await over(coordinator, "l")).report is not None
    cluster.add_node("n9")
    await coordinator.watch("l", 0.0)
    await until(lambda: cluster.starts["n9"] == 3)
    late = cluster.add_node("n10")
    await coordinator.watch("l", 0.0)
    await until(lambda: late in cluster.planes)
    assert cluster.starts["n9"] == 3


@run_async
async def test_a_node_that_dies_while_its_worker_is_created_is_lost():
    cluster = LocalCluster(2, SIZES)
    cluster.start_errors[NodeId("n1")] = NodeLostError("Its worker is gone", node="n1")
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big"))
    await until(lambda: cluster.starts["n1"] > 0)
    cluster.live = cluster.live[:1]
    report = (await over(coordinator, "l")).report
    assert report is not None
    assert [node.state for node in report.nodes] == ["done", "lost"]


@run_async
async def test_a_node_that_refused_and_takes_one_after_all_gets_its_files():
    cluster = LocalCluster(2, SIZES)
    coordinator = refusing(cluster, "n1")
    await coordinator.attach(lease("l", "big"))
    await until(lambda: cluster.starts["n1"] == 1)
    cluster.start_errors.clear()
    report = (await over(coordinator, "l")).report
    assert report is not None
    assert report.nodes_lost == ()
