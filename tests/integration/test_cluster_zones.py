"""Nodes in two zones, which a label of Ray's distinguishes, and settings of calls and files."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import ray

import xfd_ray
from xfd_api import NodeSettings, Prices, UnpackCaps
from xfd_api.errors import ArchiveTooLargeError
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, UnpackOptions
from xfd_api.stores import ObjectStoreConfig
from xfd_testing import artifacts
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server

MIB = 2**20
SIZE = 24 * MIB
ZONES = ("east", "west")


@pytest.mark.needs_s3
@pytest.mark.needs_ray
def test_two_zones_read_each_chunk_once_each_and_settings_reach_the_nodes(
    s3_server: S3Server,
    drive: Callable[[RayCluster], AbstractContextManager[None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    s3_server.make_bucket(bucket)
    s3_server.put(bucket, "big", b"".join(artifacts.random_bytes(SIZE, seed=3)))
    s3_server.put(bucket, "small", b"".join(artifacts.random_bytes(2**20, seed=4)))
    archive = artifacts.tar_gz(tmp_path / "tree.tar.gz", artifacts.environment(files=20))
    s3_server.upload(bucket, "tree.tar.gz", archive)
    store = ObjectStoreConfig.make_for_s3(bucket)
    cluster = RayCluster.start(1, env=s3_server.environment())
    try:
        for place in range(4):
            cluster.add_node(labels={"ray.io/availability-zone": ZONES[place % 2]})
        with drive(cluster):
            head = xfd_ray.NodeSelector(exclude_head=True)
            wanted = [DownloadRequest(ObjectDownloadRequest("big", Path("big")))]
            report = xfd_ray.download_distributed(
                wanted,
                store,
                nodes=head,
                origin_policy="once-per-zone",
                prices=Prices(origin_per_gb=2.0),
                keep_s=0.0,
            )
            assert report.traffic.origin_bytes_by_zone == dict.fromkeys(ZONES, SIZE)
            assert report.origin_bytes == 2 * SIZE
            assert report.peer_bytes == 2 * SIZE
            assert report.traffic.estimated_cost == pytest.approx(2.0 * 2 * SIZE / 1e9)
            assert s3_server.sent_bytes(bucket) < 2.05 * SIZE

            options = UnpackOptions(destination=Path("tree"))
            packed = ObjectDownloadRequest(
                "tree.tar.gz", Path("tree.tar.gz"), unpack_options=options
            )
            with pytest.raises(ArchiveTooLargeError):
                xfd_ray.download_distributed(
                    [DownloadRequest(packed)],
                    store,
                    nodes=[ray.get_runtime_context().get_node_id()],
                    node_settings=NodeSettings(unpack_caps=UnpackCaps(max_entries=2)),
                    keep_s=0.0,
                )

            (tmp_path / "xfd.toml").write_text(
                'keep_s = 0\nnodes = { "ray.io/availability-zone" = "east" }\n'
                "[unpack]\nmax_entries = 2\n[rates]\norigin = '10GiB'\n"
            )
            monkeypatch.chdir(tmp_path)
            report = xfd_ray.download_distributed(
                ObjectDownloadRequest("small", Path("small")), store
            )
            assert len(report.nodes) == 2
            assert report.bound_source == "configured"
            with pytest.raises(ArchiveTooLargeError):
                xfd_ray.download_distributed(packed, store)
    finally:
        cluster.stop()
