"""Nodes that show each other certificates, on a cluster."""

from __future__ import annotations

import hashlib
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

import xfd_ray
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.coordinator_status import NodeStatus
from xfd_testing import artifacts
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import ONCE, S3Server

SIZE = 24 * 2**20
BODY = b"".join(artifacts.random_bytes(SIZE, seed=21))


@pytest.fixture
def wanted(bucket: str, driver: RayCluster, s3_server: S3Server) -> Iterator[list[DownloadRequest]]:
    s3_server.put(bucket, "big", BODY)
    yield [DownloadRequest(ObjectDownloadRequest("big", Path(bucket, "big")))]
    for root in driver.roots:
        shutil.rmtree(root / bucket, ignore_errors=True)


def nodes_of_swarms() -> list[NodeStatus]:
    return [
        node for each in xfd_ray.status() for node in each.nodes if node.swarm and node.peer_address
    ]


def name_of(node: NodeStatus) -> str:
    """As in `tls/name.rs`."""
    ids = (node.id, node.swarm or "")
    labels = [hashlib.sha256(each.encode()).hexdigest()[:40] for each in ids]
    return ".".join([*labels, "xfd.invalid"])


def certificate(node: NodeStatus, name: str) -> bytes | None:
    """What a node shows to a client that has no certificate; None if it ends the connection."""
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    host, port = node.peer_address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as plain:
        try:
            with anyone.wrap_socket(plain, server_hostname=name) as connection:
                assert connection.version() == "TLSv1.3"
                return connection.getpeercert(binary_form=True)
        except (ssl.SSLError, ConnectionError):
            return None


def test_chunks_pass_between_nodes_that_show_certificates(
    bucket: str, wanted: list[DownloadRequest], driver: RayCluster, s3_server: S3Server
) -> None:
    store = ObjectStoreConfig.make_for_s3(bucket)
    with xfd_ray.distribution(wanted, store, peer_tls=True) as files:
        nodes = nodes_of_swarms()
        shown = {certificate(node, name_of(node)) for node in nodes}
        strange = [certificate(node, "x.xfd.invalid") for node in nodes]

    assert [(root / bucket / "big").read_bytes() == BODY for root in driver.roots] == [True] * 3
    assert s3_server.sent_bytes(bucket) <= ONCE * SIZE
    assert files.report.peer_bytes == 2 * SIZE
    assert len(nodes) == len(shown) == 3
    assert None not in shown
    assert strange == [None] * 3


def test_a_call_in_plain_text_uses_the_same_workers(
    bucket: str, wanted: list[DownloadRequest], driver: RayCluster, s3_server: S3Server
) -> None:
    store = ObjectStoreConfig.make_for_s3(bucket)
    other = [DownloadRequest(ObjectDownloadRequest("big", Path(bucket, "other"), cache=False))]
    with (
        xfd_ray.distribution(wanted, store, peer_tls=True),
        xfd_ray.distribution(other, store),
    ):
        nodes = nodes_of_swarms()
        shown = [certificate(node, name_of(node)) is not None for node in nodes]

    assert len({node.peer_address for node in nodes}) == 3
    assert sorted(shown) == [False] * 3 + [True] * 3
