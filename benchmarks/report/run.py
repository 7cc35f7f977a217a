"""A distribution to a real Ray cluster on this host, over links that are limited on purpose."""

from __future__ import annotations

import tempfile
import threading
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
LATE_S = 0.0
"""When another node is started, in seconds after the call; Ray takes some seconds for it."""

SETTINGS = NodeSettings(
    origin_bytes_per_s=10 * MIB, download_bytes_per_s=20 * MIB, upload_bytes_per_s=20 * MIB
)
RATES = xfd_ray.LinkRates(down=20 * MIB, up=20 * MIB)
PRICES = Prices(origin_per_gb=0.09)


def run(nodes: int) -> DistributionReport:
    """Brings weights, an archive and a tokenizer to this many nodes, and to one that joins late.

    Returns the report.
    """
    with running() as server, tempfile.TemporaryDirectory(prefix="xfd-report-") as folder:
        _upload(server, Path(folder))
        cluster = RayCluster.start(nodes)
        late = threading.Timer(LATE_S, cluster.add_node)
        try:
            late.start()
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
                rates=RATES,
                prices=PRICES,
            )
        finally:
            late.join()
            ray.shutdown()
            cluster.stop()


def _upload(server: S3Server, folder: Path) -> None:
    server.make_bucket(BUCKET)
    files = (
        artifacts.weights_file(folder / "weights.safetensors", 224 * MIB),
        artifacts.tar_gz(folder / "environment.tar.gz", artifacts.environment(files=1500)),
    )
    for file in files:
        server.upload(BUCKET, file.name, file)
        file.unlink()
    for key, body in artifacts.small_objects(200).items():
        server.put(BUCKET, f"tokenizer/{key}", body)
