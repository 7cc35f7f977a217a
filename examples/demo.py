"""Everything for real on one machine: `nox -s demo`.

Starts an S3 server with the artifacts of a model, and a Ray cluster of three nodes, each with a
folder of its own. Runs a pipeline of two stages that need the artifacts, twice. At the end
everything is stopped and removed, also after Ctrl-C.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# Ray's core warns about the way in which Ray Data starts actors.
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")

import ray
from rich.console import Console

import xfd_ray
from xfd_pipelines import file_distribution, pipelines, specs
from xfd_pipelines import v1 as pipelines_v1
from xfd_testing import artifacts
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server

BUCKET = "demo"
MIB = 2**20
console = Console()


def an_object(key: str, **more: Any) -> file_distribution.DownloadRequest:
    return file_distribution.DownloadRequest(
        value=file_distribution.ObjectDownloadRequest(uri=key, destination=Path(key), **more)
    )


class Tokenize(pipelines_v1.Stage):
    """Needs a tokenizer, which is 300 small objects, and a zip of labels."""

    workers = 1
    batch_size = 8
    required_resources = pipelines_v1.Resources(cpus=0.5)

    @property
    def download_requests(self) -> list[file_distribution.DownloadRequest]:
        prefix = file_distribution.PrefixDownloadRequest("tokenizer/", Path("tokenizer"))
        labels = file_distribution.UnpackOptions(Path("labels"))
        return [
            file_distribution.DownloadRequest(value=prefix),
            an_object("labels.zip", unpack_options=labels),
        ]

    def setup(self, _: pipelines_v1.WorkerMetadata) -> None:
        tokenizer = file_distribution.local_path("tokenizer")
        self.pieces = sum(1 for path in tokenizer.rglob("*") if path.is_file())
        self.labels = len(list(file_distribution.local_path("labels/labels").iterdir()))

    def process_data(self, items: list[str]) -> list[tuple[str, int]]:
        return [(item, len(item) * self.pieces + self.labels) for item in items]


class Embed(pipelines_v1.Stage):
    """Needs weights of 256 MiB and a packed environment, whose interpreter must be executable."""

    workers = 3
    batch_size = 8
    required_resources = pipelines_v1.Resources(cpus=0.5)

    @property
    def download_requests(self) -> list[file_distribution.DownloadRequest]:
        tree = file_distribution.UnpackOptions(Path("environment"))
        return [
            an_object("weights.safetensors"),
            an_object("environment.tar.gz", unpack_options=tree),
        ]

    def setup(self, worker_metadata: pipelines_v1.WorkerMetadata) -> None:
        activate = file_distribution.local_path("environment/bin/activate")
        subprocess.run([activate], check=True)
        weights = file_distribution.local_path("weights.safetensors")
        self.seed = int.from_bytes(weights.open("rb").read(8), "little")
        self.node = worker_metadata.node_id[:8]

    def process_data(self, items: list[tuple[str, int]]) -> list[dict[str, Any]]:
        return [
            {"text": text, "value": (tokens * self.seed) % 1000, "node": self.node}
            for text, tokens in items
        ]


def make_artifacts(server: S3Server, weights_mib: int, folder: Path) -> None:
    """Uploads the artifacts, and removes each from this disk afterwards."""
    server.make_bucket(BUCKET)
    entries = artifacts.environment(files=2000)
    for file in (
        artifacts.weights_file(folder / "weights.safetensors", weights_mib * MIB),
        artifacts.tar_gz(folder / "environment.tar.gz", entries),
        artifacts.zip_file(folder / "labels.zip")[0],
    ):
        console.print(f"  {file.name:24} {file.stat().st_size / MIB:7.1f} MiB")
        server.upload(BUCKET, file.name, file)
        file.unlink()
    small = artifacts.small_objects(300)
    size = sum(len(body) for body in small.values())
    console.print(f"  {'tokenizer/':24} {size / MIB:7.1f} MiB in {len(small)} objects")
    for key, body in small.items():
        server.put(BUCKET, f"tokenizer/{key}", body)


def run_once(server: S3Server) -> None:
    """Runs the pipeline, and prints its report and the bytes that the S3 server counted."""
    before = server.sent_bytes(BUCKET)
    began = time.monotonic()

    def print_report(report: file_distribution.DistributionReport) -> None:
        print(xfd_ray.report_text(report, width=console.width))
        sent = server.sent_bytes(BUCKET) - before
        print(f"the S3 server itself counted {sent / MIB:.1f} MiB sent", flush=True)

    results = pipelines.run_pipeline(
        specs.PipelineSpec(
            input_data=[f"sentence number {number}" for number in range(96)],
            stages=[Tokenize(), Embed()],
        ),
        pipelines.DistributedDownloadConfig(
            object_store_config=file_distribution.ObjectStoreConfig.make_for_s3(
                bucket=BUCKET,
                endpoint=server.endpoint,
                access_key_id=server.owner.access_key_id,
                secret_access_key=server.owner.secret_access_key,
            ),
            progress="auto",
            on_report=print_report,
        ),
    )
    took = time.monotonic() - began
    nodes = len({result["node"] for result in results})
    print(
        f"the pipeline gave {len(results)} results, {took:.1f} s after it was called, from workers "
        f"on {nodes} nodes; the first:\n{results[0]}\n",
        flush=True,
    )


def demo(weights_mib: int) -> None:
    """Starts everything, runs the pipeline twice, and removes everything."""
    server: S3Server | None = None
    cluster: RayCluster | None = None
    try:
        with tempfile.TemporaryDirectory(prefix="xfd-demo-") as folder:
            console.rule("An S3 server, and artifacts in it")
            server = S3Server.start()
            make_artifacts(server, weights_mib, Path(folder))
            console.rule("A Ray cluster of three nodes, with a folder each")
            cluster = RayCluster.start(3)
            for node in cluster.nodes:
                console.print(f"  {node.name} {node.id[:12]} keeps files in {node.root}")
            logging.getLogger("ray.data").setLevel(logging.ERROR)
            ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
            console.rule("First run: each byte leaves S3 once, and the nodes send it to each other")
            run_once(server)
            console.rule("Second run: everything is in the nodes' caches")
            run_once(server)
    finally:
        # A second Ctrl-C must not interrupt the clean-up.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        ray.shutdown()
        if cluster is not None:
            cluster.stop()
        if server is not None:
            server.stop()
        console.print("Everything that was started is stopped, and its folders are removed.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="nox -s demo --", description=__doc__)
    parser.add_argument("--weights-mib", type=int, default=256, help="size of the weights file")
    options = parser.parse_args()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler)
    try:
        demo(options.weights_mib)
    except KeyboardInterrupt:
        console.print("Interrupted.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
