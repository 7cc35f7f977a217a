"""Pipelines on a real cluster: stages find their files on whichever node they run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from xfd_api import (
    DistributionReport,
    DownloadRequest,
    ObjectDownloadRequest,
    ObjectStoreConfig,
    PrefixDownloadRequest,
    UnpackOptions,
    local_path,
)
from xfd_api.errors import DestinationConflictError, ObjectNotFoundError
from xfd_pipelines import pipelines, specs, v1
from xfd_testing import artifacts, figures, ray_cluster
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server

WEIGHTS = b"".join(artifacts.random_bytes(6 * 2**20, seed=31))
TREE = artifacts.environment(files=40)
PIECES = artifacts.small_objects(25)

Drive = Callable[[RayCluster], AbstractContextManager[None]]


class Reads(v1.Stage):
    """Reads weights that another stage requests too; returns its node and the weights."""

    batch_size = 4
    required_resources = v1.Resources(cpus=0.2)

    def __init__(self, folder: str) -> None:
        self._folder = folder

    @property
    def download_requests(self) -> list[DownloadRequest]:
        place = Path(self._folder) / "weights.bin"
        return [DownloadRequest(ObjectDownloadRequest("weights.bin", place))]

    def setup(self, worker_metadata: v1.WorkerMetadata) -> None:
        self._node = worker_metadata.node_id
        self._weights = local_path(f"{self._folder}/weights.bin").read_bytes()

    def process_data(self, items: list[Any]) -> list[Any]:
        return [(item, self._node, len(self._weights)) for item in items]


class ReadsTree(Reads):
    """Needs an unpacked archive and a prefix besides."""

    @property
    def download_requests(self) -> list[DownloadRequest]:
        folder = Path(self._folder)
        archive = ObjectDownloadRequest(
            "tree.tar.gz", folder / "tree.tar.gz", unpack_options=UnpackOptions(folder / "tree")
        )
        prefix = PrefixDownloadRequest("pieces", folder / "pieces")
        return [*super().download_requests, DownloadRequest(archive), DownloadRequest(prefix)]

    def setup(self, worker_metadata: v1.WorkerMetadata) -> None:
        super().setup(worker_metadata)
        self._script = local_path(f"{self._folder}/tree/bin/activate").read_bytes()
        self._pieces = len(list(local_path(f"{self._folder}/pieces").rglob("item_*")))

    def process_data(self, items: list[Any]) -> list[Any]:
        return [(*item, self._pieces) for item in items]


@pytest.fixture
def catalog_bytes(s3_server: S3Server, bucket: str, tmp_path: Path) -> int:
    """Fills the test's bucket; returns its bytes."""
    packed = artifacts.tar_gz(tmp_path / "tree.tar.gz", TREE)
    s3_server.put(bucket, "weights.bin", WEIGHTS)
    s3_server.upload(bucket, "tree.tar.gz", packed)
    for key, body in PIECES.items():
        s3_server.put(bucket, f"pieces/{key}", body)
    pieces = sum(len(body) for body in PIECES.values())
    return len(WEIGHTS) + packed.stat().st_size + pieces


def store_of(server: S3Server, bucket: str) -> ObjectStoreConfig:
    return ObjectStoreConfig.make_for_s3(
        bucket, server.endpoint, server.owner.access_key_id, server.owner.secret_access_key
    )


def test_files_of_all_stages_leave_the_store_once(
    s3_server: S3Server, bucket: str, catalog_bytes: int, driver: RayCluster
) -> None:
    reports: list[DistributionReport] = []
    config = pipelines.DistributedDownloadConfig(
        object_store_config=store_of(s3_server, bucket), on_report=reports.append
    )
    stages = [Reads(bucket), ReadsTree(bucket)]
    results = pipelines.run_pipeline(specs.PipelineSpec(range(40), stages), config)

    assert [item for item, *_ in results] == list(range(40))
    assert {size for _, _, size, _ in results} == {len(WEIGHTS)}
    assert {pieces for *_, pieces in results} == {len(PIECES) - 1}
    assert s3_server.sent_bytes(bucket) == catalog_bytes
    assert [report.catalog_bytes for report in reports] == [catalog_bytes]
    for root in driver.roots:
        assert (root / bucket / "weights.bin").read_bytes() == WEIGHTS
        assert artifacts.tree_differences(root / bucket / "tree", TREE) == []
        assert artifacts.tree_of(root / bucket / "pieces") == PIECES


def test_a_node_that_joins_later_has_the_files_before_setup(
    s3_server: S3Server, bucket: str, catalog_bytes: int, drive: Drive
) -> None:
    class ReadsLate(ReadsTree):
        required_resources = v1.Resources(cpus=0.2, custom={"late": 1})

    with ray_cluster.running(1) as small, drive(small):
        config = pipelines.DistributedDownloadConfig(
            object_store_config=store_of(s3_server, bucket),
            on_report=lambda _: small.add_node(resources={"late": 1}),
        )
        stages = [Reads(bucket), ReadsLate(bucket)]
        grows = specs.PipelineConfig(cluster_may_grow=True)
        results = pipelines.run_pipeline(specs.PipelineSpec(range(8), stages, grows), config)

        late = small.nodes[1]
        assert [item for item, *_ in results] == list(range(8))
        assert artifacts.tree_differences(late.root / bucket / "tree", TREE) == []
        assert (late.root / bucket / "weights.bin").read_bytes() == WEIGHTS
        sent = s3_server.sent_bytes(bucket)
        assert sent == catalog_bytes
        share = f"{sent / catalog_bytes:.3f}"
        figures.record("node-after-the-end", f"the store sent {share} times the bytes, in all")


def test_a_missing_object_is_reported_before_any_stage_starts(
    s3_server: S3Server, bucket: str, driver: RayCluster
) -> None:
    class NeverRuns(Reads):
        def setup(self, worker_metadata: v1.WorkerMetadata) -> None:
            raise AssertionError("A stage started without its files")

    config = pipelines.DistributedDownloadConfig(store_of(s3_server, bucket))
    with pytest.raises(ObjectNotFoundError) as caught:
        pipelines.run_pipeline(specs.PipelineSpec([1], [NeverRuns(bucket)]), config)
    assert "weights.bin" in str(caught.value)
    assert isinstance(caught.value, FileNotFoundError)
    assert [list(root.glob(f"{bucket}/*")) for root in driver.roots] == [[], [], []]


def test_two_stages_that_contradict_each_other_are_refused(
    s3_server: S3Server, bucket: str, catalog_bytes: int, driver: RayCluster
) -> None:
    class Contradicts(Reads):
        @property
        def download_requests(self) -> list[DownloadRequest]:
            place = Path(self._folder) / "weights.bin"
            return [DownloadRequest(ObjectDownloadRequest("tree.tar.gz", place))]

    config = pipelines.DistributedDownloadConfig(store_of(s3_server, bucket))
    stages = [Reads(bucket), Contradicts(bucket)]
    with pytest.raises(DestinationConflictError):
        pipelines.run_pipeline(specs.PipelineSpec([1], stages), config)
    assert s3_server.sent_bytes(bucket) == 0
