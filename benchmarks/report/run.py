"""A distribution to a real Ray cluster on this host, over links that are limited on purpose."""

from __future__ import annotations

import tempfile
from pathlib import Path

import ray

import xfd_ray
from xfd_api import (
    DistributionReport,
    NodeSettings,
    ObjectDownloadRequest,
    ObjectStoreConfig,
    PrefixDownloadRequest,
    Prices,
    UnpackOptions,
)
from xfd_testing import artifacts
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server, running

BUCKET = "report"
MIB = 2**20
SETTINGS = NodeSettings(
    origin_bytes_per_s=12 * MIB, download_bytes_per_s=24 * MIB, upload_bytes_per_s=24 * MIB
)
PRICES = Prices(origin_per_gb=0.09)


def run(nodes: int) -> DistributionReport:
    """Brings weights, an archive and a tokenizer to this many nodes, and returns the report."""
    with running() as server, tempfile.TemporaryDirectory(prefix="xfd-report-") as folder:
        _upload(server, Path(folder))
        cluster = RayCluster.start(nodes)
        try:
            ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
            return xfd_ray.download_distributed(
                [
                    ObjectDownloadRequest("weights.safetensors", Path("weights.safetensors")),
                    ObjectDownloadRequest(
                        "environment.tar.gz",
                        Path("environment.tar.gz"),
                        unpack_options=UnpackOptions(Path("environment")),
                    ),
                    PrefixDownloadRequest("tokenizer/", Path("tokenizer")),
                ],
                ObjectStoreConfig.make_for_s3(
                    bucket=BUCKET,
                    endpoint=server.endpoint,
                    access_key_id=server.owner.access_key_id,
                    secret_access_key=server.owner.secret_access_key,
                ),
                chunk_size_bytes=4 * MIB,
                node_parallelism=4,
                node_settings=SETTINGS,
                prices=PRICES,
            )
        finally:
            ray.shutdown()
            cluster.stop()


def _upload(server: S3Server, folder: Path) -> None:
    server.make_bucket(BUCKET)
    files = (
        artifacts.weights_file(folder / "weights.safetensors", 160 * MIB),
        artifacts.tar_gz(folder / "environment.tar.gz", artifacts.environment(files=1500)),
    )
    for file in files:
        server.upload(BUCKET, file.name, file)
        file.unlink()
    for key, body in artifacts.small_objects(200).items():
        server.put(BUCKET, f"tokenizer/{key}", body)
