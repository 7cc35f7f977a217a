"""Files of the hub where the caller wants them, and models that the stages of a pipeline load."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

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
from xfd_testing.hub.server import PAGE_ENTRIES
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


def test_a_task_asks_for_its_own_node(
    repository: Repository, hub: HubServer, driver: RayCluster
) -> None:
    hub.add("placed/tasked", {"main": FILES})
    node = driver.nodes[1]
    strategy = NodeAffinitySchedulingStrategy(node.id, soft=False)
    ensure = ray.remote(num_cpus=0)(xfd_ray.ensure_local).options(scheduling_strategy=strategy)
    ray.get(ensure.remote("hf://placed/tasked"))
    for each in driver.nodes:
        cached = (each.hf_home / "hub/models--placed--tasked").exists()
        assert cached == (each is node)
    assert caches.snapshot_of(node.hf_home, "placed/tasked") == FILES


def test_many_small_files_go_in_packs(hub: HubServer, driver: RayCluster) -> None:
    files = {f"part-{place // 50}/{place}.txt": f"{place}".encode() * 9 for place in range(400)}
    pages = hub.add("placed/pages", {"main": files}, kind="dataset")
    hub.page_entries = 100
    try:
        xfd_ray.download_distributed("hf://datasets/placed/pages")
    finally:
        hub.page_entries = PAGE_ENTRIES
    for each in pages.files().values():
        assert hub.sent_bytes(each.blob_id) == each.size
    for node in driver.nodes:
        assert caches.snapshot_of(node.hf_home, "placed/pages", repo_type="dataset") == files
        assert caches.faults_of(node.hf_home, "placed/pages") == []


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
