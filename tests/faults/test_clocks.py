"""A node whose clock is set back by an hour in the middle of a distribution."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import xfd_ray
from xfd_api.stores import ObjectStoreConfig
from xfd_testing import figures, kill_rounds, ray_cluster
from xfd_testing.drivers import big_object
from xfd_testing.kill_rounds import CHUNK, PARALLEL, SIZE, Stage
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server
from xfd_testing.shifted_clock import ShiftedClock

HOUR_S = 3600


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> ShiftedClock:
    """Of one node."""
    if not ShiftedClock.is_available():
        pytest.skip("needs a C compiler")
    return ShiftedClock(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module")
def cluster(s3_server: S3Server, clock: ShiftedClock) -> Iterator[RayCluster]:
    """Two nodes, and a third one whose clock can be set."""
    with ray_cluster.connected(2, env=s3_server.environment()) as running:
        running.add_node(env=clock.environment)
        yield running


@pytest.fixture
def stage(
    cluster: RayCluster, bucket: str, s3_server: S3Server, clock: ShiftedClock
) -> Iterator[Stage]:
    with kill_rounds.stage_of(cluster, s3_server, bucket, 1, 0, SIZE / 10) as made:
        yield made
    clock.set(0)


def test_a_clock_that_is_set_back_changes_nothing(stage: Stage, clock: ShiftedClock) -> None:
    report = stage.distribute(lambda: clock.set(-HOUR_S), 0.1)
    assert [node.state for node in report.nodes] == ["done"] * 3
    assert report.nodes_lost == ()
    stage.check_files()
    sent = stage.server.sent_bytes(stage.bucket)
    assert sent <= SIZE + PARALLEL * CHUNK

    store = ObjectStoreConfig.make_for_s3(stage.bucket)
    again = xfd_ray.download_distributed(big_object(stage.bucket), store)
    assert again.cached_bytes == 3 * SIZE
    damaged = stage.cluster.nodes[2].root / stage.bucket / "big"
    with damaged.open("r+b") as file:
        file.write(b"damaged")
        os.fsync(file.fileno())
    mended = xfd_ray.download_distributed(big_object(stage.bucket), store)
    assert mended.cached_bytes == 2 * SIZE
    stage.check_files()
    assert stage.server.sent_bytes(stage.bucket) == sent
    figures.record(
        "clock-set-back",
        f"the store sent {sent / SIZE:.3f} times the object; 3 of 3 later verdicts right",
    )
