"""Processes that are killed at a random moment of a distribution, round after round.

`tests/integration/test_cluster_kills.py` has each kill once, at a moment of its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from xfd_api.results import DistributionReport
from xfd_testing import figures, kill_rounds, ray_cluster
from xfd_testing.actors import COORDINATOR, NODE_WORKER, actor_processes
from xfd_testing.drivers import driver_process
from xfd_testing.kill_rounds import CHUNK, PARALLEL, SIZE, Seen, Stage, kill_all, raylets
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server
from xfd_testing.waiting import until

NODES = 3


@pytest.fixture(scope="module")
def cluster(s3_server: S3Server) -> Iterator[RayCluster]:
    """Three nodes; tests kill nodes, and start others in their place."""
    with ray_cluster.connected(NODES, env=s3_server.environment()) as running:
        yield running


def complete(cluster: RayCluster) -> None:
    """Starts nodes in the place of those that were killed, with their disks."""
    used = {node.root for node in cluster.nodes if node.alive}
    for root in {node.root for node in cluster.nodes} - used:
        cluster.add_node(root=root)


@pytest.fixture
def stage(
    cluster: RayCluster, bucket: str, s3_server: S3Server, rounds: int, seed: int
) -> Iterator[Stage]:
    complete(cluster)
    with kill_rounds.stage_of(cluster, s3_server, bucket, rounds, seed) as made:
        yield made


def killing(
    stage: Stage, seen: Seen, moment: float, victims: Callable[[], list[int]]
) -> DistributionReport:
    """A call in which these processes are killed; notes what the store says that it sent."""
    killed: list[bool] = []
    before = stage.server.sent_bytes(stage.bucket)
    report = stage.distribute(lambda: killed.append(kill_all(victims())), moment)
    sent = stage.server.sent_bytes(stage.bucket) - before
    seen.note(killed=any(killed), sent_bytes=sent)
    return report


def states(report: DistributionReport) -> list[str]:
    return [node.state for node in report.nodes]


def test_kills_of_workers(stage: Stage) -> None:
    seen = Seen(1)
    for chance, moment in stage.moments("worker"):
        victims = partial(actor_processes, NODE_WORKER, [chance.choice(stage.cluster.roots)])
        report = killing(stage, seen, moment, victims)
        assert states(report) == ["done"] * NODES
        assert report.nodes_lost == ()
    figures.record("worker-killed", seen.figure())


def test_kills_of_coordinators(stage: Stage) -> None:
    seen = Seen(NODES)
    victims = partial(actor_processes, COORDINATOR, stage.cluster.roots)
    for _, moment in stage.moments("coordinator"):
        assert states(killing(stage, seen, moment, victims)) == ["done"] * NODES
    figures.record("coordinator-killed", seen.figure())


def test_kills_of_drivers(stage: Stage) -> None:
    """The next driver comes at once, or when nothing is left of the first one's processes."""
    seen = Seen(NODES)
    for chance, moment in stage.moments("driver"):
        before = stage.server.sent_bytes(stage.bucket)
        killed = start_and_kill_a_driver(stage, before + moment * SIZE)
        if chance.random() < 0.5:
            until(partial(has_none, stage), 60, "the coordinator of a killed driver stays")
        report = stage.distribute()
        sent = stage.server.sent_bytes(stage.bucket) - before
        seen.note(killed=killed, sent_bytes=sent)
        assert states(report) == ["done"] * NODES
    figures.record("driver-killed", seen.figure())


def start_and_kill_a_driver(stage: Stage, sent_bytes: float) -> bool:
    """Kills it when the store has sent so much; whether it was still at work."""
    server, bucket = stage.server, stage.bucket
    options = ("--endpoint", stage.endpoint, "--chunk-size", str(CHUNK), "--parallel")
    with driver_process(stage.cluster, server, bucket, "big", *options, str(PARALLEL)) as driver:
        until(lambda: server.sent_bytes(bucket) >= sent_bytes, 60, "little is sent")
        was_at_work = driver.poll() is None
        driver.kill()
        driver.wait()
    return was_at_work


def has_none(stage: Stage) -> bool:
    return not actor_processes(COORDINATOR, stage.cluster.roots)


def test_kills_of_stores(stage: Stage) -> None:
    """It is started again some seconds later."""
    seen = Seen(NODES)
    for chance, moment in stage.moments("store"):
        report = killing_the_store(stage, moment, chance.uniform(0, 3))
        seen.note(killed=True, sent_bytes=report.origin_bytes)
        assert set(states(report)) == {"done"}
    figures.record("store-killed", seen.figure())


def killing_the_store(stage: Stage, moment: float, gone_s: float) -> DistributionReport:
    restarting: list[threading.Thread] = []

    def restart() -> None:
        time.sleep(gone_s)
        stage.server.restart()

    def kill() -> None:
        stage.server.kill()
        restarting.append(threading.Thread(target=restart))
        restarting[0].start()

    report = stage.distribute(kill, moment)
    until(lambda: bool(restarting), 10, "the store was not killed")
    restarting[0].join()
    return report


def test_kills_of_raylets(stage: Stage) -> None:
    """The node is lost with its raylet. The next round has a new one with the same disk.

    The last test of the file: it leaves other nodes than it found.
    """
    seen = Seen(2 * NODES)  # And what no other node had.
    cluster = stage.cluster
    for chance, moment in stage.moments("raylet"):
        complete(cluster)
        places = [place for place, node in enumerate(cluster.nodes) if node.alive and place]
        place = chance.choice(places)
        victim = cluster.nodes[place]
        report = killing(stage, seen, moment, partial(raylets, victim.root))
        state_of = {node.node: node.state for node in report.nodes}
        survivors = [node.id for node in cluster.nodes if node.alive and node is not victim]
        assert {state_of[node] for node in survivors} == {"done"}
        cluster.kill_node(place)
        cluster.wait_dead(place)
    figures.record("raylet-killed", seen.figure())
