"""A peer that lies, in a swarm of real workers: its bytes are refused, and come from elsewhere.

The peer speaks the protocol and knows the token: it is a worker whose answers a proxy changes. What
one node makes of each lie is in `tests/node/serving.rs` and `tests/node/drips.rs`.
"""

from __future__ import annotations

import shutil
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import xfd_ray
from xfd_api.settings import NodeSettings
from xfd_api.stores import ObjectStoreConfig
from xfd_testing import artifacts, figures, lying_peer, ray_cluster
from xfd_testing.actors import end_coordinator
from xfd_testing.drivers import big_object
from xfd_testing.footprint import files_below
from xfd_testing.ray_cluster import RayCluster, RayNode
from xfd_testing.s3 import S3Server
from xfd_testing.slow_link import slow_link

MIB = 2**20
SIZE = 48 * MIB
CHUNK = MIB
BYTES_PER_S = 24 * MIB
"""Slow enough that all nodes read a part of the object from the store."""

IMPATIENT = NodeSettings(read_timeout_s=2.0, relay_wait_s=4.0)
SUM = artifacts.sha256_of(artifacts.random_bytes(SIZE, seed=31))


@dataclass(frozen=True)
class Swarm:
    """Three honest nodes and one that lies."""

    cluster: RayCluster
    liar: RayNode
    lies: Path


@pytest.fixture(scope="module")
def swarm(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swarm]:
    lies = tmp_path_factory.mktemp("lies")
    with ray_cluster.connected(3, env=s3_server.environment()) as cluster:
        yield Swarm(cluster, cluster.add_node(env=lying_peer.environment(lies)), lies)


@pytest.fixture
def endpoint(s3_server: S3Server, bucket: str, swarm: Swarm) -> Iterator[str]:
    """Of a store with the object `big`, behind a slow link."""
    s3_server.put(bucket, "big", b"".join(artifacts.random_bytes(SIZE, seed=31)))
    with slow_link(s3_server.endpoint, BYTES_PER_S) as slow:
        yield slow
    lying_peer.tell(swarm.lies, "")
    for root in swarm.cluster.roots:
        shutil.rmtree(root / bucket, ignore_errors=True)


def verification_failures() -> int:
    """As the workers count them, all together, since they started."""
    count = 0
    for coordinator in xfd_ray.status():
        for node in coordinator.nodes:
            with urllib.request.urlopen(f"http://{node.metrics_address}/metrics") as answer:
                for line in answer.read().decode().splitlines():
                    if line.startswith("xfd_verification_failures_total"):
                        count += int(float(line.split()[-1]))
    return count


@pytest.mark.parametrize("lie", lying_peer.LIES)
def test_a_peer_that_lies_costs_its_own_bytes_and_nothing_else(
    lie: str, swarm: Swarm, bucket: str, endpoint: str, s3_server: S3Server
) -> None:
    end_coordinator()
    lying_peer.tell(swarm.lies, lie)
    began = time.monotonic()
    report = xfd_ray.download_distributed(
        big_object(bucket),
        ObjectStoreConfig.make_for_s3(bucket, endpoint=endpoint),
        chunk_size_bytes=CHUNK,
        node_settings=IMPATIENT,
        metrics="port",
        deadline_s=120,
    )
    took = time.monotonic() - began
    counted = verification_failures()
    sent = s3_server.sent_bytes(bucket) / SIZE
    lies = lying_peer.told(swarm.lies)
    assert [node.state for node in report.nodes] == ["done"] * 4
    for root in swarm.cluster.roots:
        assert artifacts.sha256(root / bucket / "big") == SUM
        assert not [path for path in files_below([root / bucket]) if "-part" in path.name]
    assert lies > 0
    assert report.retries > 0
    assert sent <= 2
    if lie in ("flip", "other-checksum", "short", "endless"):
        assert counted > 0
        # Banned at the first complaint: what was under way comes to an end, and no more is asked.
        assert lies <= SIZE // CHUNK
    figures.record(
        f"peer-{lie}",
        f"{lies} lies, {counted} counted as differing from their checksum, {report.retries} "
        f"retries; amplification {sent:.2f}, {took:.1f} s",
    )
