"""Nodes with credentials of their own: some may not read the store, or have none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import xfd_ray
from xfd_api.errors import AccessDeniedError
from xfd_api.stores import ObjectStoreConfig
from xfd_testing import artifacts, figures, ray_cluster
from xfd_testing.drivers import big_object
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import Identity, S3Server

MIB = 2**20
SIZE = 24 * MIB
STRANGER = Identity("nobody", "nobody-secret")


@pytest.fixture(scope="module")
def cluster(s3_server: S3Server) -> Iterator[RayCluster]:
    """A node with wrong keys, one with none, and one that may read."""
    wrong = s3_server.environment(STRANGER)
    none = {name: value for name, value in wrong.items() if "KEY" not in name}
    with ray_cluster.connected(1, env=wrong) as running:
        running.add_node(env=none)
        running.add_node(env=s3_server.environment())
        yield running


@pytest.fixture
def sum_of_big(bucket: str, s3_server: S3Server) -> str:
    """SHA-256 of the object `big`."""
    s3_server.put(bucket, "big", b"".join(artifacts.random_bytes(SIZE, seed=5)))
    return artifacts.sha256_of(artifacts.random_bytes(SIZE, seed=5))


def test_nodes_that_may_not_read_receive_from_those_that_may(
    cluster: RayCluster, bucket: str, sum_of_big: str, s3_server: S3Server
) -> None:
    report = xfd_ray.download_distributed(
        big_object(bucket), ObjectStoreConfig.make_for_s3(bucket), chunk_size_bytes=MIB
    )
    assert [node.state for node in report.nodes] == ["done"] * 3
    for root in cluster.roots:
        assert artifacts.sha256(root / bucket / "big") == sum_of_big
    sent = s3_server.sent_bytes(bucket) / SIZE
    assert sent <= 1.5
    figures.record("nodes-denied", f"2 of 3 nodes may not read; amplification {sent:.2f}")


def test_without_a_node_that_may_read_the_store_says_so(
    cluster: RayCluster, bucket: str, sum_of_big: str
) -> None:
    with pytest.raises(AccessDeniedError, match="403"):
        xfd_ray.download_distributed(
            big_object(bucket),
            ObjectStoreConfig.make_for_s3(bucket),
            nodes=[cluster.nodes[0].id],
        )
