"""The examples, and the blocks of docs/origins.md, do what they show."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from xfd_testing import artifacts
from xfd_testing.hub import HubServer, caches, models
from xfd_testing.markdown import blocks_of
from xfd_testing.ray_cluster import RayCluster

ROOT = Path(__file__).parents[2]
FILES = models.bert(3 * 2**20, seed=71)


def run(hub: HubServer, cluster: RayCluster, *arguments: str) -> str:
    """Runs Python with these arguments as a driver; returns its output."""
    ran = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **hub.environment(), "RAY_ADDRESS": cluster.address},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_model_of_the_hub_is_loaded_by_its_name(hub: HubServer, cluster: RayCluster) -> None:
    other = {"flax_model.msgpack": b"of another framework"}
    repository = hub.add("example/bert", {"main": {**FILES, **other}})
    printed = run(hub, cluster, str(ROOT / "examples/hub_model.py"), "example/bert")
    assert "amplification 1.000" in printed
    lines = printed.splitlines()
    counted = [line.partition(" tokens")[0] for line in lines if " tokens on node " in line]
    assert counted == ["5", "2", "2"]
    weights = repository.files()["model.safetensors"]
    assert hub.sent_bytes(weights.blob_id) == weights.size
    for node in cluster.nodes:
        found = caches.snapshot_of(node.hf_home, "example/bert")
        assert found == {path: FILES[path] for path in FILES if path in found}
        assert {"config.json", "model.safetensors", "tokenizer.json"} <= found.keys()


def test_the_page_of_origins_fetches_what_it_names(hub: HubServer, cluster: RayCluster) -> None:
    books = {"train/a.parquet": b"a" * 1000, "test/b.parquet": b"b"}
    hub.add("google-bert/bert-base-uncased", {"main": FILES})
    hub.add("org/books", {"v1.0": books}, kind="dataset")
    hub.add("org/adapter", {"main": FILES})
    (block,) = (each for each in blocks_of(ROOT / "docs/origins.md") if each.language == "python")
    run(hub, cluster, "-c", block.text)
    for node in cluster.nodes:
        assert caches.snapshot_of(node.hf_home, "google-bert/bert-base-uncased") == FILES
        found = caches.snapshot_of(node.hf_home, "org/books", "v1.0", repo_type="dataset")
        assert found == {"train/a.parquet": books["train/a.parquet"]}
        assert artifacts.tree_of(node.root / "adapters/first") == FILES
