"""What a hub cache has is told from its names alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xfd_api.chunks import Checksum
from xfd_api.lookups import plan_downloads
from xfd_api.paths import hub_cache
from xfd_api.requests import HubDownloadRequest
from xfd_dataplane.hub.contents import blob_checksum, files_below, files_of

SHA, GIT, COMMIT = "a" * 64, "b" * 40, "c" * 40
REPO = "datasets--org--books"


@pytest.mark.parametrize(
    ("path", "algorithm"),
    [
        (f"/hub/{REPO}/blobs/{SHA}", "sha256"),
        (f"{REPO}/blobs/{GIT}", "git-sha1"),
        (f"/hub/{REPO}/blobs/{GIT}.1a2b3c4d.incomplete", None),
        (f"/hub/{REPO}/blobs/{GIT[:-1]}", None),
        (f"/hub/{REPO}/snapshots/{GIT}", None),
        (f"/hub/blobs/ab/{SHA}", None),
        (f"/hub/books/blobs/{SHA}", None),
        ("/", None),
    ],
)
def test_a_blobs_name_is_its_checksum(path: str, algorithm: str | None) -> None:
    found = blob_checksum(Path(path))
    assert (None if found is None else found.algorithm) == algorithm


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = hub_cache() / REPO
    snapshot = folder / "snapshots" / COMMIT
    (snapshot / "data").mkdir(parents=True)
    (folder / "blobs").mkdir()
    for name in (SHA, GIT, f"{GIT}.0.incomplete"):
        (folder / "blobs" / name).write_bytes(b"")
    (snapshot / "data" / "one.bin").symlink_to(f"../../../blobs/{SHA}")
    (snapshot / "two.txt").symlink_to(f"../../blobs/{GIT}")
    (snapshot / "same.txt").symlink_to(f"../../blobs/{GIT}")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    return folder


def test_each_blob_below_a_folder_is_named_once(repository: Path) -> None:
    def names(place: Path) -> list[str]:
        return [file.path.name for file in files_below(place)]

    both = [repository / "blobs" / SHA, repository / "blobs" / GIT]
    assert sorted(names(hub_cache())) == sorted(path.name for path in both)
    snapshot = repository / "snapshots" / COMMIT
    assert sorted(names(snapshot)) == [SHA, GIT]
    assert names(snapshot / "data") == [SHA]
    assert names(snapshot / "two.txt") == [GIT]
    assert names(repository / "refs") == []


def files(request: HubDownloadRequest | str) -> dict[str, Checksum | None]:
    (lookup,) = plan_downloads([request], None).lookups
    return {file.path.name: file.checksum for file in files_of(lookup)}


def test_the_files_of_a_request_are_those_that_the_cache_lists(repository: Path) -> None:
    sha, git = Checksum("sha256", SHA), Checksum("git-sha1", GIT)
    whole = {"one.bin": sha, "two.txt": git, "same.txt": git}
    assert files("hf://datasets/org/books") == whole
    assert files(f"hf://datasets/org/books@{COMMIT}") == whole
    assert files("hf://datasets/org/books/data/one.bin") == {"one.bin": sha}
    assert files("hf://datasets/org/books/data/") == {"one.bin": sha}
    chosen = HubDownloadRequest("org/books", repo_type="dataset", include=("*.txt",))
    assert files(chosen) == {"two.txt": git, "same.txt": git}


def test_a_listed_file_without_a_link_is_among_them(repository: Path) -> None:
    tree = repository / "trees" / f"{COMMIT}.json"
    tree.parent.mkdir()
    lost = {"size": 1, "blob_id": GIT, "lfs_sha256": SHA, "lfs_size": 1}
    tree.write_text(json.dumps({"format_version": 1, "files": {"lost.bin": lost}}))
    assert files("hf://datasets/org/books")["lost.bin"] == Checksum("sha256", SHA)
    tree.write_text("{")
    assert "lost.bin" not in files("hf://datasets/org/books")


def test_a_revision_that_the_cache_does_not_know_is_missing(repository: Path) -> None:
    assert files("hf://datasets/org/books@v2") == {"v2": None}
