"""Nodes that come, go and come back in the middle of a distribution.

A node that is there only after it, when a stage starts on it, is in
`tests/integration/test_pipelines_files.py`; one that is drained before it is in
`tests/integration/test_cluster_lifecycle.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from xfd_api.results import DistributionReport
from xfd_testing import figures, kill_rounds, ray_cluster
from xfd_testing.kill_rounds import CHUNK, PARALLEL, SIZE, Stage
from xfd_testing.ray_cluster import RayCluster, RayNode
from xfd_testing.s3 import S3Server
from xfd_testing.waiting import until

MIB = 2**20
BYTES_PER_S = 1.5 * MIB
"""Half a minute for the object: a node that is started meanwhile is up before its end."""


REPEATED = PARALLEL * CHUNK
"""A busy machine stalls reads, which are then repeated from where they are."""


@pytest.fixture(scope="module")
def cluster(s3_server: S3Server) -> Iterator[RayCluster]:
    """Three nodes; tests kill one, drain one, and add others."""
    with ray_cluster.connected(3, env=s3_server.environment()) as running:
        yield running


@pytest.fixture
def stage(cluster: RayCluster, bucket: str, s3_server: S3Server) -> Iterator[Stage]:
    with kill_rounds.stage_of(cluster, s3_server, bucket, 1, 0, BYTES_PER_S) as made:
        yield made


@contextmanager
def in_thread(act: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Starts the act when it is called, without waiting for it; the block ends after it.

    Raises:
        BaseException: what the act raised.
    """
    failed: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    yield thread.start
    thread.join()
    if failed:
        raise failed[0]


def state_of(report: DistributionReport) -> dict[str, str]:
    return {node.node: node.state for node in report.nodes}


def alive(cluster: RayCluster) -> list[RayNode]:
    return [node for node in cluster.nodes if node.alive]


def test_a_node_that_joins_in_mid_run_is_filled_from_its_peers(stage: Stage) -> None:
    cluster = stage.cluster
    with in_thread(cluster.add_node) as add:
        report = stage.distribute(add, 0.05)
    late = cluster.nodes[-1]
    assert late.id in report.nodes_joined
    assert state_of(report)[late.id] == "done"
    stage.check_files()
    sent = stage.server.sent_bytes(stage.bucket)
    assert sent <= SIZE + REPEATED
    figures.record("node-joins", f"the store sent {sent / SIZE:.3f} times the object")


def test_a_node_that_dies_and_comes_back_is_filled_from_its_peers(stage: Stage) -> None:
    """It has its disk still, and another id. The lease stays open until it is there."""
    cluster = stage.cluster
    count = len(alive(cluster))
    place = cluster.nodes.index(alive(cluster)[-1])
    victim = cluster.nodes[place]

    def die_and_come_back() -> None:
        cluster.kill_node(place)
        cluster.add_node(root=victim.root)

    def is_everywhere() -> bool:
        present = [node for node in alive(cluster) if node.id]
        whole = [node for node in present if (node.root / stage.bucket / "big").exists()]
        return len(whole) == count and victim not in whole

    with in_thread(die_and_come_back) as act, stage.held(act, 0.2) as held:
        until(is_everywhere, 120, "the node that came back was not filled")
    assert victim.id in held.report.nodes_lost
    stage.check_files()
    sent = stage.server.sent_bytes(stage.bucket)
    # What was on its way to the dead node, and what it had alone.
    assert sent <= SIZE + 3 * PARALLEL * CHUNK
    figures.record("node-comes-back", f"the store sent {sent / SIZE:.3f} times the object")


def test_a_node_that_is_drained_in_mid_run_finishes_first(stage: Stage) -> None:
    """As after a spot notice: what runs there goes on until the deadline."""
    cluster = stage.cluster
    drained = alive(cluster)[-1]
    strategy = NodeAffinitySchedulingStrategy(drained.id, soft=False)

    class Busy:  # In here, since the nodes cannot import this module.
        def is_up(self) -> bool:
            return True

    busy = ray.remote(num_cpus=1, scheduling_strategy=strategy)(Busy).remote()
    ray.get(busy.is_up.remote())  # An idle node would be gone at once.
    with in_thread(partial(cluster.drain_node, cluster.nodes.index(drained))) as drain:
        report = stage.distribute(drain, 0.2)
    assert set(state_of(report).values()) == {"done"}
    assert report.nodes_lost == ()
    stage.check_files()
    sent = stage.server.sent_bytes(stage.bucket)
    assert sent <= SIZE + REPEATED
    figures.record("node-drained", f"the store sent {sent / SIZE:.3f} times the object")
