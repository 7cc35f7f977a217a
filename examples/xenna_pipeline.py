"""A pipeline of cosmos-xenna whose files xfd brings: `python examples/xenna_pipeline.py BUCKET`.

Run it where `ray.init()` finds your cluster, with cosmos-xenna (0.2.0 to 0.5.12) and tqdm. The
object `weights.bin` of the bucket is on every node before the pipeline starts. cosmos-xenna is
given the same configuration: it compares what is there with the store, and fetches nothing.
"""

from __future__ import annotations

import argparse
import pathlib

from cosmos_xenna import file_distribution  # pyright: ignore[reportMissingImports]
from cosmos_xenna.pipelines import v1 as pipelines_v1  # pyright: ignore[reportMissingImports]

import xfd_ray
from xfd_pipelines import xenna


class CountBytes(pipelines_v1.Stage):
    """Adds the size of the weights to each item."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._weights = folder / "weights.bin"

    @property
    def required_resources(self) -> pipelines_v1.Resources:
        return pipelines_v1.Resources(cpus=0.5)

    @property
    def download_requests(self) -> list[file_distribution.DownloadRequest]:
        request = file_distribution.ObjectDownloadRequest(
            uri="weights.bin", destination=self._weights
        )
        return [file_distribution.DownloadRequest(value=request)]

    def setup(self, worker_metadata: pipelines_v1.WorkerMetadata) -> None:  # noqa: ARG002
        self._size = self._weights.stat().st_size

    def process_data(self, in_data: list[int]) -> list[int]:
        return [item + self._size for item in in_data]


def main() -> None:
    """Distributes, reports, and runs the pipeline."""
    parser = argparse.ArgumentParser(description="Brings a pipeline's files to every node.")
    parser.add_argument("bucket", help="of S3, with an object weights.bin")
    parser.add_argument("--endpoint", help="of a store that is not AWS")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("/tmp/xenna-files"))
    chosen = parser.parse_args()
    store = file_distribution.ObjectStoreConfig.make_for_s3(chosen.bucket, endpoint=chosen.endpoint)
    if (chosen.endpoint or "").startswith("http://"):
        store.config_args["allow_http"] = "true"
    config = pipelines_v1.DistributedDownloadConfig(object_store_config=store)
    spec = pipelines_v1.PipelineSpec(
        input_data=[1, 2, 3],
        stages=[CountBytes(chosen.folder)],
        config=pipelines_v1.PipelineConfig(return_last_stage_outputs=True),
    )
    report = xenna.prefetch(spec, config)
    if report is not None:
        print(xfd_ray.report_text(report))
    print(f"sizes {sorted(pipelines_v1.run_pipeline(spec, config) or [])}")


if __name__ == "__main__":
    main()
