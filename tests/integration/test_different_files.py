"""Different files for different nodes of a real cluster: by requests, and by stages' resources."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import xfd_ray
from xfd_api import DownloadRequest, ObjectDownloadRequest, ObjectStoreConfig
from xfd_api.errors import NoNodesError
from xfd_pipelines import pipelines, specs, v1
from xfd_testing import artifacts
from xfd_testing.ray_cluster import RayCluster, RayNode
from xfd_testing.s3 import ONCE, S3Server
from xfd_testing.waiting import until

EXAMPLE = Path(__file__).parents[2] / "examples" / "tensor_parallel.py"
MIB = 2**20
FILES = {
    "config.json": b"{}",
    "tokenizer.json": b"".join(artifacts.random_bytes(3 * MIB, seed=51)),
    "model-rank-0-part-0.safetensors": b"".join(artifacts.random_bytes(8 * MIB, seed=52)),
    "model-rank-1-part-0.safetensors": b"".join(artifacts.random_bytes(6 * MIB, seed=53)),
}
TOTAL = sum(map(len, FILES.values()))

pytestmark = [pytest.mark.needs_s3, pytest.mark.needs_ray]
Drive = Callable[[RayCluster], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def ranks(s3_server: S3Server) -> Iterator[RayCluster]:
    """A head with CPUs alone, and a node with a GPU for each of two ranks."""
    cluster = RayCluster.start(1, env=s3_server.environment())
    try:
        for rank in range(2):
            cluster.add_node(labels={"tp-rank": str(rank)}, gpus=1)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def model(s3_server: S3Server) -> str:
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    s3_server.make_bucket(bucket)
    for name, body in FILES.items():
        s3_server.put(bucket, f"llama/{name}", body)
    return bucket


def landed(node: RayNode, folder: str) -> set[str]:
    """The names of the files in a folder below the node's root, without xfd's own."""
    place = node.root / folder
    return {path.name for path in place.rglob("[!.]*")} if place.is_dir() else set()


def test_the_example_brings_each_rank_its_shards(
    ranks: RayCluster, s3_server: S3Server, model: str
) -> None:
    ran = subprocess.run(
        [sys.executable, str(EXAMPLE), f"s3://{model}/llama/", "2"],
        env={**os.environ, **s3_server.environment(), "RAY_ADDRESS": ranks.address},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert "amplification 1.000" in ran.stdout
    shared = {"config.json", "tokenizer.json"}
    for rank, node in enumerate(ranks.nodes[1:]):
        own = f"model-rank-{rank}-part-0.safetensors"
        assert f"rank {rank}: config.json {own} tokenizer.json" in ran.stdout
        assert landed(node, "models/llama") == {*shared, own}
        assert (node.root / "models/llama" / own).read_bytes() == FILES[own]
    assert landed(ranks.nodes[0], "models") == set()
    assert TOTAL <= s3_server.sent_bytes(model) <= ONCE * TOTAL


def wants(model: str, name: str, nodes: Any = None, to: str | None = None) -> DownloadRequest:
    place = Path(model, to or name)
    return DownloadRequest(ObjectDownloadRequest(f"llama/{name}", place), nodes)


def on(node: RayNode) -> NodeAffinitySchedulingStrategy:
    return NodeAffinitySchedulingStrategy(node.id, soft=False)


def test_a_node_without_a_request_has_no_worker_and_a_task_there_needs_nothing(
    ranks: RayCluster, model: str, drive: Drive
) -> None:
    store = ObjectStoreConfig.make_for_s3(model)
    first, second = ("model-rank-0-part-0.safetensors", "model-rank-1-part-0.safetensors")
    requests = [
        wants(model, first, {"tp-rank": "0"}, to="shard"),
        wants(model, second, [ranks.nodes[2].id], to="shard"),
    ]

    @ray.remote(num_cpus=0.1)
    def ensured() -> tuple[int, int]:
        report = xfd_ray.ensure_local(requests, store)
        return len(report.nodes), report.cached_bytes

    with drive(ranks):
        nobody = wants(model, "config.json", {"tp-rank": "7"})
        with pytest.raises(NoNodesError, match="tp-rank=7") as caught:
            xfd_ray.download_distributed([*requests, nobody], store)
        assert caught.value.object == "llama/config.json"
        with xfd_ray.distribution(requests, store, keep_s=0) as held:
            assert {node.node for node in held.report.nodes} == {n.id for n in ranks.nodes[1:]}
            with_worker = {node.id for each in xfd_ray.status() for node in each.nodes}
            assert with_worker == {node.id for node in ranks.nodes[1:]}
            for node, name in zip(ranks.nodes[1:], (first, second), strict=True):
                assert (node.root / model / "shard").read_bytes() == FILES[name]
                there = ray.get(ensured.options(scheduling_strategy=on(node)).remote())
                assert there == (1, len(FILES[name]))
            head = ensured.options(scheduling_strategy=on(ranks.nodes[0])).remote()
            assert ray.get(head) == (0, 0)


class Tokenize(v1.Stage):
    required_resources = v1.Resources(cpus=0.1)

    def __init__(self, model: str) -> None:
        self.model = model

    @property
    def download_requests(self) -> list[DownloadRequest]:
        return [wants(self.model, "tokenizer.json")]


class Generate(Tokenize):
    """Waits at its first item until a node that joins has its weights."""

    required_resources = v1.Resources(cpus=0.1, gpus=1)
    workers = 1

    def __init__(self, model: str, root: Path) -> None:
        super().__init__(model)
        self._root = root

    @property
    def download_requests(self) -> list[DownloadRequest]:
        weights = "model-rank-0-part-0.safetensors"
        named = wants(self.model, "config.json", {"tp-rank": "1"})
        return [wants(self.model, weights), wants(self.model, "tokenizer.json"), named]

    def process_data(self, items: list[Any]) -> list[Any]:
        weights = "model-rank-0-part-0.safetensors"
        late = self._root / self.model / weights
        until(lambda: late.exists(), 50, "the node that joined lacks the weights")
        return items


def test_weights_of_a_gpu_stage_go_to_nodes_with_gpus_also_to_one_that_joins(
    ranks: RayCluster, s3_server: S3Server, model: str, drive: Drive, tmp_path: Path
) -> None:
    root = tmp_path / "late"
    late: list[RayNode] = []
    config = pipelines.DistributedDownloadConfig(
        ObjectStoreConfig.make_for_s3(model),
        on_report=lambda _: late.append(ranks.add_node(gpus=1, root=root)),
        keep_s=0,
    )
    stages = [Tokenize(model), Generate(model, root)]
    with drive(ranks):
        spec = specs.PipelineSpec(input_data=[1, 2], stages=stages)
        assert pipelines.run_pipeline(spec, config) == [1, 2]
    weights = "model-rank-0-part-0.safetensors"
    assert landed(ranks.nodes[0], model) == {"tokenizer.json"}
    assert landed(ranks.nodes[1], model) == {"tokenizer.json", weights}
    assert landed(ranks.nodes[2], model) == {"tokenizer.json", weights, "config.json"}
    assert landed(late[0], model) == {"tokenizer.json", weights}
    used = len(FILES[weights]) + len(FILES["tokenizer.json"]) + len(FILES["config.json"])
    assert s3_server.sent_bytes(model) <= ONCE * used
