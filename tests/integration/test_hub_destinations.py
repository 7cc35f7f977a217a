"""Files of the hub where the caller wants them, and models that the stages of a pipeline load."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import xfd_dataplane
import xfd_ray
from xfd_api import (
    DownloadRequest,
    HubDownloadRequest,
    ObjectDownloadRequest,
    ObjectStoreConfig,
    PrefixDownloadRequest,
)
from xfd_pipelines import pipelines, specs, v1
from xfd_testing import artifacts
from xfd_testing.hub import HubServer, Repository, caches, models
from xfd_testing.ray_cluster import RayCluster

ID = "placed/bert"
FILES = {**models.bert(5 * 2**20, seed=61), "onnx/a.onnx": b"a" * 100, "onnx/notes.md": b"notes"}


@pytest.fixture(scope="module")
def repository(hub: HubServer) -> Repository:
    return hub.add(ID, {"main": FILES, "v2": {"config.json": b"{}"}})


@pytest.fixture
def driver(driver: RayCluster) -> Iterator[RayCluster]:
    yield driver
    for root in driver.roots:
        shutil.rmtree(root / "placed", ignore_errors=True)


def test_a_repository_a_folder_and_a_file_land_where_they_are_wanted(
    repository: Repository, driver: RayCluster
) -> None:
    place = Path("placed")
    report = xfd_ray.download_distributed(
        [
            DownloadRequest(HubDownloadRequest(ID, destination=place / "whole")),
            DownloadRequest(HubDownloadRequest(ID, "v2", destination=place / "v2")),
            DownloadRequest(
                PrefixDownloadRequest(f"hf://{ID}/onnx/", place / "onnx", exclude=("*.md",))
            ),
            DownloadRequest(ObjectDownloadRequest(f"hf://{ID}/config.json", place / "c.json")),
        ],
        ObjectStoreConfig.make_for_hub(),
    )
    assert {node.state for node in report.nodes} == {"done"}
    for node in driver.nodes:
        found = node.root / place
        assert artifacts.tree_of(found / "whole") == FILES
        assert artifacts.tree_of(found / "v2") == {"config.json": b"{}"}
        assert artifacts.tree_of(found / "onnx") == {"a.onnx": FILES["onnx/a.onnx"]}
        assert (found / "c.json").read_bytes() == FILES["config.json"]


def test_s3_and_the_hub_are_in_one_call(
    repository: Repository, driver: RayCluster, s3_server: object, bucket: str
) -> None:
    s3_server.put(bucket, "adapter.bin", b"adapter" * 1000)  # type: ignore[attr-defined]
    xfd_ray.download_distributed(
        [
            DownloadRequest(ObjectDownloadRequest("adapter.bin", Path("placed/adapter.bin"))),
            DownloadRequest(HubDownloadRequest(ID, include=("*.json",))),
        ],
        ObjectStoreConfig.make_for_s3(bucket),
    )
    for node in driver.nodes:
        assert (node.root / "placed/adapter.bin").read_bytes() == b"adapter" * 1000
        assert "config.json" in caches.snapshot_of(node.hf_home, ID, allow_patterns=["config.json"])


def test_one_host_needs_no_ray(
    repository: Repository, hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    store = ObjectStoreConfig.make_for_hub(hub.url)
    report = xfd_dataplane.download([DownloadRequest(HubDownloadRequest(ID))], store)
    assert report.origin_bytes == sum(map(len, FILES.values()))
    assert caches.snapshot_of(tmp_path, ID) == FILES
    assert caches.faults_of(tmp_path) == []


class Tokenize(v1.Stage):
    """Loads a tokenizer of the hub by its name, without a network."""

    batch_size = 4
    required_resources = v1.Resources(cpus=0.2)

    @property
    def download_requests(self) -> list[DownloadRequest]:
        return [DownloadRequest(HubDownloadRequest(ID))]

    def setup(self, worker_metadata: v1.WorkerMetadata) -> None:
        from transformers import AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(ID, local_files_only=True)

    def process_data(self, items: list[str]) -> list[list[int]]:
        return [self._tokenizer(item)["input_ids"] for item in items]


def test_a_stage_loads_its_tokenizer_by_name(repository: Repository, driver: RayCluster) -> None:
    results = pipelines.run_pipeline(
        specs.PipelineSpec(input_data=["many hands", "light work"] * 4, stages=[Tokenize()]),
        pipelines.DistributedDownloadConfig(),
    )
    assert results == [[5, 6], [8, 9]] * 4
