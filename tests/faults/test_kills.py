"""Processes that are killed at a random moment of a distribution, round after round.

`tests/integration/test_cluster_kills.py` has each kill once, at a moment of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from xfd_api.results import DistributionReport
from xfd_testing import figures, kill_rounds, ray_cluster
from xfd_testing.actors import COORDINATOR, NODE_WORKER, actor_processes
from xfd_testing.kill_rounds import Seen, Stage, kill_all
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server

NODES = 3


@pytest.fixture(scope="module")
def cluster(s3_server: S3Server) -> Iterator[RayCluster]:
    """Three nodes; tests kill nodes, and start others in their place."""
    with ray_cluster.connected(NODES, env=s3_server.environment()) as running:
        yield running


@pytest.fixture
def stage(
    cluster: RayCluster, bucket: str, s3_server: S3Server, rounds: int, seed: int
) -> Iterator[Stage]:
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
    seen = Seen()
    for chance, moment in stage.moments("worker"):
        victims = partial(actor_processes, NODE_WORKER, [chance.choice(stage.cluster.roots)])
        report = killing(stage, seen, moment, victims)
        assert states(report) == ["done"] * NODES
        assert report.nodes_lost == ()
    figures.record("worker-killed", seen.figure())


def test_kills_of_coordinators(stage: Stage) -> None:
    seen = Seen()
    victims = partial(actor_processes, COORDINATOR, stage.cluster.roots)
    for _, moment in stage.moments("coordinator"):
        assert states(killing(stage, seen, moment, victims)) == ["done"] * NODES
    figures.record("coordinator-killed", seen.figure())
