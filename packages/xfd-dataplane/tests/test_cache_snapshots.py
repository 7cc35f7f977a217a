"""Snapshots of a hub go as `huggingface_hub` removes them, and only those that xfd fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download
from xfd_dataplane.cache import upkeep
from xfd_dataplane.cache.node_cache import NodeCache
from xfd_dataplane.cache.verdict import CacheLimits
from xfd_testing.hub import HubServer, Repository, running

huggingface_hub = pytest.importorskip("huggingface_hub")

MODEL = "org/model"
FOLDER = "models--org--model"
OLD = {"config.json": b"old", "weights.bin": b"w" * 5000}
NEW = {"config.json": b"new", "weights.bin": b"w" * 5000}
NOTHING_STAYS = CacheLimits(quota_bytes=0)


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with running() as server:
        yield server


@pytest.fixture
def model(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    for name, value in {**hub.environment(), "HF_HOME": str(tmp_path / "hf")}.items():
        monkeypatch.setenv(name, value)
    return hub.add(MODEL, {"old": OLD, "main": NEW})


def fetch(hub: HubServer, revision: str) -> None:
    config = ObjectStoreConfig.make_for_hub(hub.url)
    download(f"hf://{MODEL}@{revision}", config, deadline_s=60)


def test_a_snapshot_goes_with_the_blobs_that_no_other_one_has(
    hub: HubServer, model: Repository
) -> None:
    fetch(hub, "old")
    fetch(hub, "main")
    cache = NodeCache.of()
    listed = {entry.source: entry for entry, _ in upkeep.entries(cache)}
    assert {name: each.bytes for name, each in listed.items()} == {
        f"hf://{MODEL}@old": 5003,
        f"hf://{MODEL}@main": 5003,
    }
    upkeep.pin(cache, [[listed[f"hf://{MODEL}@main"].path]])

    removed = upkeep.prune(cache, NOTHING_STAYS)

    assert ([each.source for each in removed.removed], removed.kept) == ([f"hf://{MODEL}@old"], [])
    repository = cache.hub_cache / FOLDER
    assert [each.name for each in (repository / "refs").iterdir()] == ["main"]
    assert len(list((repository / "blobs").iterdir())) == 2
    (snapshot,) = (repository / "snapshots").iterdir()
    assert {each.name: each.read_bytes() for each in snapshot.iterdir()} == NEW

    upkeep.pin(cache, [[snapshot]], pinned=False)
    upkeep.prune(cache, NOTHING_STAYS)
    assert not repository.exists()
    assert not list((cache.root / ".xfd-hub").glob("*/*"))


def test_what_another_tool_has_fetched_stays(
    hub: HubServer, model: Repository, tmp_path: Path
) -> None:
    cache = NodeCache.of()
    huggingface_hub.hf_hub_download(
        MODEL, "weights.bin", cache_dir=cache.hub_cache, endpoint=hub.url
    )
    fetch(hub, "main")

    assert upkeep.prune(cache, NOTHING_STAYS).removed == []
    ((entry, _),) = upkeep.entries(cache)
    assert not entry.is_ours


def test_a_file_that_another_tool_has_added_keeps_the_snapshot(
    hub: HubServer, model: Repository
) -> None:
    cache = NodeCache.of()
    fetch(hub, "main")
    ((entry, _),) = upkeep.entries(cache)
    blob = cache.hub_cache / FOLDER / "blobs" / ("a" * 40)
    blob.write_bytes(b"of another tool")
    (entry.path / "extra.txt").symlink_to(f"../../blobs/{blob.name}")

    ((kept, why),) = upkeep.prune(cache, NOTHING_STAYS).kept

    assert kept.path == entry.path
    assert "is not of xfd" in why
    assert (entry.path / "weights.bin").exists()


def test_a_run_of_another_root_keeps_the_repository(
    hub: HubServer, model: Repository, tmp_path: Path
) -> None:
    cache = NodeCache.of()
    fetch(hub, "main")
    other = NodeCache(tmp_path / "other", cache.hub_cache)
    with other.hub_uses.locked():
        use = other.hub_uses.begin()
        use.add([str(cache.hub_cache / FOLDER)])

    ((_, why),) = upkeep.remove(cache, [[cache.hub_cache / FOLDER]]).kept
    other.hub_uses.end(use)

    assert why == "a run uses it"
    assert len(upkeep.prune(cache, NOTHING_STAYS).removed) == 1
