"""Stages that override every value, as attributes and as properties. Type checkers accept both.

`nox -s lint` runs pyright and mypy on this file; `test_stage_forms.py` runs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xfd_pipelines import file_distribution
from xfd_pipelines import v1 as pipelines_v1


class Attributes(pipelines_v1.Stage):
    """Overrides the values as plain attributes."""

    name = "embed"
    download_requests = ("models/weights.bin",)
    required_resources = pipelines_v1.Resources(cpus=0.5)
    batch_size = 16
    stage_batch_size = 16
    workers = (1, None)
    env_info = pipelines_v1.RuntimeEnv(extra_env_vars={"OMP_NUM_THREADS": "1"})

    def process_data(self, items: list[int]) -> list[int]:
        return [item + 1 for item in items]


class OfOneInstance(pipelines_v1.Stage):
    """Overrides them for each instance."""

    def __init__(self, batch_size: int, workers: int) -> None:
        self.batch_size = batch_size
        self.workers = workers


class Properties(pipelines_v1.Stage):
    """Overrides them as properties, with the types that the values have."""

    @property
    def name(self) -> str:
        return "embed"

    @property
    def download_requests(self) -> Sequence[file_distribution.DownloadRequest]:
        tokenizer = file_distribution.PrefixDownloadRequest("tokenizer/", Path("tokenizer"))
        return [file_distribution.DownloadRequest(tokenizer)]

    @property
    def required_resources(self) -> pipelines_v1.Resources:
        return pipelines_v1.Resources(gpus=1.0)

    @property
    def batch_size(self) -> int:
        return 16

    @property
    def stage_batch_size(self) -> int:
        return 16

    @property
    def workers(self) -> tuple[int, int]:
        return (1, 4)

    @property
    def env_info(self) -> pipelines_v1.RuntimeEnv | None:
        return None

    def setup_on_node(
        self, node_info: pipelines_v1.NodeInfo, worker_metadata: pipelines_v1.WorkerMetadata
    ) -> None:
        assert node_info.node_id == worker_metadata.node_id

    def setup(self, worker_metadata: pipelines_v1.WorkerMetadata) -> None:
        self.node = worker_metadata.node_id

    def process_data(self, items: list[str]) -> list[tuple[str, str]]:
        return [(item, self.node) for item in items]

    def destroy(self) -> None:
        del self.node
