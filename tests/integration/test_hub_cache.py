"""A model of the hub lies in the cache of every node, as `huggingface_hub` would have put it.

The hub is asked once for the whole cluster, and each blob leaves it once. The judges are the
programs that people use: `huggingface_hub`, `transformers` and `hf cache verify`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import ray
from huggingface_hub import hf_hub_download, snapshot_download
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import xfd_ray
from xfd_api import (
    DistributionReport,
    DownloadRequest,
    HubDownloadRequest,
    ObjectStoreConfig,
)
from xfd_testing.hub import HubServer, Repository, caches, models
from xfd_testing.ray_cluster import RayCluster, RayNode

MIB = 2**20
TOKEN = "hf_reader_of_the_judge"
BERT = models.bert(30 * MIB, seed=41)
SMALL = models.bert(50_000, seed=42)


def fetch(hub: HubServer, *requests: HubDownloadRequest | str, **more: Any) -> DistributionReport:
    """Distributes as a driver with the token would; the record of requests begins with it."""
    hub.forget()
    store = ObjectStoreConfig.make_for_hub(token=TOKEN)
    wanted = [each if isinstance(each, str) else DownloadRequest(each) for each in requests]
    return xfd_ray.download_distributed(wanted, store, **more)


def sizes(repository: Repository, revision: str = "main") -> dict[str, int]:
    """The bytes of each blob of a revision."""
    return {each.blob_id: each.size for each in repository.files(revision).values()}


def sent(hub: HubServer) -> dict[str, int]:
    """The bytes of each blob that left the hub."""
    counted: Counter[str] = Counter()
    for each in hub.exchanges:
        if each.blob is not None:
            counted[each.blob] += each.sent_bytes
    return dict(counted)


def on(node: RayNode, offline: bool = True) -> dict[str, Any]:
    """Options of a task that runs on a node, without a network if `offline`."""
    strategy = NodeAffinitySchedulingStrategy(node.id, soft=False)
    env_vars = {"HF_HUB_OFFLINE": "1"} if offline else {}
    runtime_env = {"env_vars": env_vars}
    return {"scheduling_strategy": strategy, "num_cpus": 0, "runtime_env": runtime_env}


@ray.remote
def tokenized(id: str) -> tuple[list[int], int, str]:
    """What a user's task sees of a model: tokens, a number of its configuration, its folder."""
    from huggingface_hub import snapshot_download
    from transformers import AutoConfig, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(id)("many hands make light work")["input_ids"]
    folder = snapshot_download(id, local_files_only=True)
    return tokens, AutoConfig.from_pretrained(id).hidden_size, folder


def test_every_node_finds_the_model_and_the_hub_is_asked_once(
    hub: HubServer, driver: RayCluster
) -> None:
    repository = hub.add("judge/bert", {"main": BERT}, private=True, readers=(TOKEN,))
    report = fetch(hub, HubDownloadRequest("judge/bert"))

    assert sent(hub) == sizes(repository)
    assert report.origin_bytes == sum(map(len, BERT.values()))
    assert report.amplification == 1.0
    assert hub.leaked() == []
    listing = [each.path for each in hub.asked() if each.path.startswith("/api/models/")]
    assert len(listing) == len(set(listing)) <= 2
    resolved = Counter(each.path for each in hub.asked(of="/resolve/"))
    weights = next(path for path in resolved if path.endswith("model.safetensors"))
    assert resolved.pop(weights) <= len(driver.nodes)
    assert set(resolved.values()) == {1}

    looked = [tokenized.options(**on(node)).remote("judge/bert") for node in driver.nodes]
    commit = repository.resolve("main")
    for node, (tokens, hidden_size, folder) in zip(driver.nodes, ray.get(looked), strict=True):
        assert (tokens, hidden_size) == ([5, 6, 7, 8, 9], 32)
        cached = node.hf_home / "hub/models--judge--bert"
        assert folder == str(cached / "snapshots" / commit)
        assert (cached / "refs/main").read_text() == commit
        assert caches.snapshot_of(node.hf_home, "judge/bert") == BERT
        assert caches.faults_of(node.hf_home, "judge/bert") == []

    again = fetch(hub, HubDownloadRequest("judge/bert"))
    assert again.missing_bytes == 0
    assert sent(hub) == {}
    assert hub.asked(of="/resolve/") == []


def test_the_hub_agrees_with_what_lies_there(hub: HubServer, driver: RayCluster) -> None:
    hub.add("judge/verified", {"main": SMALL}, private=True, readers=(TOKEN,))
    fetch(hub, "hf://judge/verified")
    for node in driver.nodes:
        env = {**os.environ, **hub.environment(TOKEN), "HF_HOME": str(node.hf_home)}
        command = [str(Path(sys.executable).with_name("hf")), "cache", "verify", "judge/verified"]
        command += ["--fail-on-missing-files", "--fail-on-extra-files"]
        ran = subprocess.run(command, env=env, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        # With a network it asks for the commit alone: the tree and the files are there.
        hub.forget()
        found = snapshot_download(
            "judge/verified", endpoint=hub.url, cache_dir=node.hf_home / "hub", token=TOKEN
        )
        assert caches.files_of(Path(found)) == SMALL
        assert [each.path for each in hub.asked()] == ["/api/models/judge/verified/revision/main"]


def test_a_revision_that_shares_files_fetches_what_differs(
    hub: HubServer, driver: RayCluster
) -> None:
    tuned = {
        **SMALL,
        "README.md": b"# Tuned\n",
        "model.safetensors": BERT["model.safetensors"][:MIB],
    }
    repository = hub.add(
        "judge/tuned", {"main": SMALL, "v2": tuned, "copy": SMALL}, readers=(TOKEN,)
    )
    fetch(hub, HubDownloadRequest("judge/tuned"))
    report = fetch(hub, HubDownloadRequest("judge/tuned", revision="v2"))
    old, new = sizes(repository), sizes(repository, "v2")
    assert sent(hub) == {blob: size for blob, size in new.items() if blob not in old}
    assert report.origin_bytes == sum(sent(hub).values())
    fetch(hub, HubDownloadRequest("judge/tuned", revision="copy"))
    assert sent(hub) == {}
    for node in driver.nodes:
        assert caches.snapshot_of(node.hf_home, "judge/tuned", "v2") == tuned
        assert caches.snapshot_of(node.hf_home, "judge/tuned", "main") == SMALL
        assert caches.snapshot_of(node.hf_home, "judge/tuned", "copy") == SMALL
        assert caches.faults_of(node.hf_home, "judge/tuned") == []


def test_two_revisions_and_files_with_the_same_content_are_one_blob_each(
    hub: HubServer, driver: RayCluster
) -> None:
    twice = {
        "a/weights.bin": SMALL["model.safetensors"],
        "b/weights.bin": SMALL["model.safetensors"],
    }
    twice |= {"empty": b"", "also empty": b""}
    first, second = {**twice, "note.md": b"first"}, {**twice, "note.md": b"second"}
    repository = hub.add("judge/twice", {"main": first, "v2": second}, readers=(TOKEN,))
    fetch(hub, HubDownloadRequest("judge/twice"), HubDownloadRequest("judge/twice", revision="v2"))
    assert (
        sent(hub).items()
        >= {blob: size for blob, size in sizes(repository).items() if size}.items()
    )
    for node in driver.nodes:
        assert caches.snapshot_of(node.hf_home, "judge/twice") == first
        assert caches.snapshot_of(node.hf_home, "judge/twice", "v2") == second
        assert caches.faults_of(node.hf_home, "judge/twice") == []


def test_what_huggingface_hub_has_put_there_is_taken(hub: HubServer, driver: RayCluster) -> None:
    hub.add("judge/here", {"main": SMALL}, readers=(TOKEN,))
    first = driver.nodes[0]
    snapshot_download("judge/here", endpoint=hub.url, cache_dir=first.hf_home / "hub", token=TOKEN)
    blobs = first.hf_home / "hub/models--judge--here/blobs"
    before = {file.name: file.stat().st_ino for file in blobs.iterdir()}

    report = fetch(hub, HubDownloadRequest("judge/here"))
    assert sent(hub) == {}
    total = sum(map(len, SMALL.values()))
    assert (report.origin_bytes, report.cached_bytes) == (0, total)
    assert report.peer_bytes == 2 * total
    assert {file.name: file.stat().st_ino for file in blobs.iterdir()} == before
    for node in driver.nodes:
        assert caches.snapshot_of(node.hf_home, "judge/here") == SMALL
        assert caches.faults_of(node.hf_home, "judge/here") == []


def test_patterns_bring_a_part_which_is_not_said_to_be_whole(
    hub: HubServer, driver: RayCluster
) -> None:
    files = {**SMALL, "onnx/model.bin": b"onnx" * 100, "onnx/config.json": b"{}"}
    hub.add("judge/part", {"main": files}, readers=(TOKEN,))
    fetch(hub, HubDownloadRequest("judge/part", include=("*.json",), exclude=("onnx/*",)))
    wanted = {path: body for path, body in SMALL.items() if path.endswith(".json")}
    for node in driver.nodes:
        found = caches.snapshot_of(node.hf_home, "judge/part", allow_patterns=["*.json"])
        assert found == wanted
        assert not (node.hf_home / "hub/models--judge--part/trees").exists()

    fetch(hub, HubDownloadRequest("judge/part"))
    asked = {each.path.partition("/resolve/")[2][41:] for each in hub.asked(of="/resolve/")}
    assert asked == files.keys() - wanted.keys()
    for node in driver.nodes:
        assert caches.snapshot_of(node.hf_home, "judge/part") == files
        assert caches.faults_of(node.hf_home, "judge/part") == []


def test_uris_name_files_folders_revisions_and_kinds(hub: HubServer, driver: RayCluster) -> None:
    files = {"train/a.parquet": b"a" * 1000, "train/b.parquet": b"b" * 1000, "test/c.parquet": b"c"}
    data = hub.add("judge/data", {"main": files, "refs/pr/1": {"d.txt": b"d"}}, kind="dataset")
    hub.add("judge/bare", {"main": SMALL, "v1": {"config.json": b"{}"}})
    fetch(hub, "hf://datasets/judge/data/train/", "hf://judge/bare/config.json")
    fetch(hub, "hf://judge/bare@v1", "hf://datasets/judge/data@refs%2Fpr%2F1")
    fetch(hub, f"hf://datasets/judge/data@{data.resolve('main')}/test/c.parquet")
    for node in driver.nodes:
        cache = {"cache_dir": node.hf_home / "hub", "local_files_only": True}
        file = hf_hub_download("judge/bare", "config.json", **cache)
        assert Path(file).read_bytes() == SMALL["config.json"]
        file = hf_hub_download("judge/bare", "config.json", revision="v1", **cache)
        assert Path(file).read_bytes() == b"{}"
        kind = {"repo_type": "dataset"}
        assert caches.snapshot_of(node.hf_home, "judge/data", **kind) == files
        proposed = caches.snapshot_of(node.hf_home, "judge/data", "refs/pr/1", **kind)
        assert proposed == {"d.txt": b"d"}
        for name in ("judge/data", "judge/bare"):
            assert caches.faults_of(node.hf_home, name) == []


def test_nodes_that_share_a_cache_write_it_once(
    hub: HubServer, cluster: RayCluster, tmp_path: Path
) -> None:
    repository = hub.add("judge/shared", {"main": SMALL}, readers=(TOKEN,))
    runtime_env = {"env_vars": {"HF_HOME": str(tmp_path), "HF_TOKEN": TOKEN}}
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    hub.forget()
    with ray.init(cluster.address, runtime_env=runtime_env, **options):
        # The token is that of the driver's environment; no store has to be named for full uris.
        report = xfd_ray.download_distributed(["hf://judge/shared"])
    assert sent(hub) == sizes(repository)
    assert all(each.token == TOKEN for each in hub.asked())
    assert {node.state for node in report.nodes} == {"done"}
    assert caches.snapshot_of(tmp_path, "judge/shared") == SMALL
    assert caches.faults_of(tmp_path) == []
    for node in cluster.nodes:
        assert not (node.hf_home / "hub/models--judge--shared").exists()


@pytest.mark.parametrize("place", ["token", "HF_TOKEN_PATH"])
def test_a_token_file_of_the_nodes_is_read(
    hub: HubServer, cluster: RayCluster, tmp_path: Path, place: str
) -> None:
    hub.add(f"judge/file-{place}", {"main": SMALL}, private=True, readers=(TOKEN,))
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    home = {"token": tmp_path, "HF_TOKEN_PATH": tmp_path / "home"}[place]
    env_vars = {"HF_HOME": str(home)}
    if place == "HF_TOKEN_PATH":
        env_vars["HF_TOKEN_PATH"] = str(tmp_path / "token")
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    with ray.init(cluster.address, runtime_env={"env_vars": env_vars}, **options):
        xfd_ray.download_distributed([f"hf://judge/file-{place}"])
    assert caches.snapshot_of(home, f"judge/file-{place}") == SMALL
