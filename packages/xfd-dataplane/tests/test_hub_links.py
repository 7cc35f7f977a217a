"""The links of snapshots in a hub cache: what is planned, and what is made on the disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xfd_api import errors
from xfd_api.hub_files import HubFile, HubSnapshot
from xfd_dataplane.hub.links import SnapshotLinks, last_files, link_of, tree_text
from xfd_dataplane.hub.placing import HubFolder

REPO = "models--org--bert"
COMMIT = "c" * 40
BLOB = "a" * 40
LFS = "b" * 64


def file_at(path: str, blob_id: str = BLOB, xet_hash: str | None = None) -> HubFile:
    return HubFile(path, blob_id, 5, "d" * 40, xet_hash)


def snapshot(*files: HubFile, revision: str | None = "main", is_whole: bool = True) -> HubSnapshot:
    return HubSnapshot(REPO, COMMIT, revision, files, is_whole)


names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)
paths = st.lists(names.filter(lambda name: name not in (".", "..")), min_size=1, max_size=5)


@given(path=paths.map("/".join).filter(lambda path: len(path.encode()) < 200))
def test_a_link_leads_to_its_blob_however_deep_it_is(path: str) -> None:
    link = link_of(snapshot(file_at(path)), file_at(path))

    folder = PurePosixPath("/cache", link.path).parent
    assert os.path.normpath(folder / link.target) == f"/cache/{REPO}/blobs/{BLOB}"
    assert not link.target.startswith("/")
    assert link.path.startswith(f"{REPO}/snapshots/{COMMIT}/")


@given(path=st.lists(st.sampled_from(["a", "..", ".", "", "b\0", "x" * 256]), max_size=4))
def test_no_path_leads_out_of_its_snapshot(path: list[str]) -> None:
    name = "/".join(path)
    if path and all(segment == "a" for segment in path):
        SnapshotLinks(snapshot(file_at(name)))
        return
    if not name:
        return  # The path of the repository itself, which no hub lists.
    with pytest.raises(errors.UnsafePathError):
        SnapshotLinks(snapshot(file_at(name)))


@pytest.mark.parametrize(
    "unsafe",
    [
        HubSnapshot("../models--a--b", COMMIT, "main", ()),
        HubSnapshot(".locks", COMMIT, "main", ()),
        HubSnapshot(REPO, "../" + "c" * 37, "main", ()),
        HubSnapshot(REPO, "main", "main", ()),
        HubSnapshot(REPO, COMMIT, "../../evil", ()),
        HubSnapshot(REPO, COMMIT, "/etc/passwd", ()),
        HubSnapshot(REPO, COMMIT, "main", (file_at("a", "../../evil"),)),
        HubSnapshot(REPO, COMMIT, "main", (file_at("a", ".hidden"),)),
        HubSnapshot(REPO, COMMIT, "main", (file_at("/etc/passwd"),)),
    ],
)
def test_unsafe_names_of_a_hub_are_refused(unsafe: HubSnapshot) -> None:
    with pytest.raises(errors.UnsafePathError):
        SnapshotLinks(unsafe)


def test_a_file_is_not_the_folder_of_another() -> None:
    with pytest.raises(errors.DestinationConflictError, match="needs a folder"):
        SnapshotLinks(snapshot(file_at("a"), file_at("a/b/c")))


def test_ref_and_list_come_last_and_only_if_they_are_known() -> None:
    one = file_at("a")

    def last(**more: object) -> list[str]:
        return [file.path for file in last_files(snapshot(one, **more))]  # type: ignore[arg-type]

    ref, tree = f"{REPO}/refs/main", f"{REPO}/trees/{COMMIT}.json"
    assert last() == [ref, tree]
    assert last(is_whole=False) == [ref]
    assert last(revision=None) == [tree]
    assert last(revision=COMMIT) == [tree]
    assert last(revision="refs/pr/1", is_whole=False) == [f"{REPO}/refs/refs/pr/1"]


def test_a_snapshot_is_linked_when_each_of_its_blobs_is() -> None:
    links = SnapshotLinks(snapshot(file_at("a"), file_at("b"), file_at("c", LFS)))
    assert links.blobs == (BLOB, LFS)
    assert [link.path[-1] for link in links.of_blob(BLOB)] == ["a", "b"]

    links.made(BLOB)
    assert (links.is_linked, links.of_blob(BLOB)) == (False, ())
    links.made(LFS)
    assert links.is_linked


def test_the_list_is_the_one_that_huggingface_hub_writes(tmp_path: Path) -> None:
    tree_cache = pytest.importorskip("huggingface_hub._tree_cache")
    files = (file_at("z.json"), file_at("a/b.bin", LFS, "e" * 64), file_at("ü", LFS))
    entries = {
        "z.json": tree_cache.TreeCacheEntry(5, "d" * 40),
        "a/b.bin": tree_cache.TreeCacheEntry(5, "d" * 40, LFS, 5, "e" * 64),
        "ü": tree_cache.TreeCacheEntry(5, "d" * 40, LFS, 5),
    }
    tree_cache.write_tree_cache(str(tmp_path), COMMIT, entries)
    assert tree_text(files) == (tmp_path / "trees" / f"{COMMIT}.json").read_text()
    assert tree_text([file_at("a", LFS, "no hash")]) is None


class Cache:
    """A hub cache with one blob, and one link to make."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blob = folder / REPO / "blobs" / BLOB
        self.blob.parent.mkdir(parents=True)
        self.blob.write_bytes(b"bytes")
        self.link = link_of(snapshot(), file_at("notes/a.md"))
        self.pointer = folder / self.link.path

    def make(self) -> None:
        HubFolder(self.folder).link(self.link)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


def nothing(cache: Cache) -> None:
    pass


def right_link(cache: Cache) -> None:
    cache.pointer.symlink_to(cache.link.target)


def absolute_link(cache: Cache) -> None:
    cache.pointer.symlink_to(cache.blob)


def copied_file(cache: Cache) -> None:
    cache.pointer.write_bytes(b"bytes")


def wrong_link(cache: Cache) -> None:
    cache.pointer.symlink_to("../../../blobs/other")


def other_file(cache: Cache) -> None:
    cache.pointer.write_bytes(b"other")


@pytest.mark.parametrize(
    ("there", "stays"),
    [
        (nothing, False),
        (right_link, True),
        (absolute_link, True),
        (copied_file, True),
        (wrong_link, False),
        (other_file, False),
    ],
)
def test_what_is_right_stays_and_the_rest_is_replaced(
    cache: Cache, there: Callable[[Cache], None], stays: bool
) -> None:
    cache.pointer.parent.mkdir(parents=True)
    there(cache)
    before = cache.pointer.lstat().st_ino if stays else None

    cache.make()
    cache.make()

    assert cache.pointer.read_bytes() == b"bytes"
    if stays:
        assert cache.pointer.lstat().st_ino == before
    else:
        assert str(cache.pointer.readlink()) == cache.link.target
    assert list(cache.folder.rglob("*xfd*")) == []


def test_without_symbolic_links_a_file_is_linked_hard(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    cache.make()
    cache.make()
    assert not cache.pointer.is_symlink()
    assert cache.pointer.read_bytes() == b"bytes"


def test_a_linked_snapshots_folder_still_leads_to_the_blobs(cache: Cache, tmp_path: Path) -> None:
    elsewhere = tmp_path / "other" / "deep" / "snapshots"
    elsewhere.mkdir(parents=True)
    (cache.folder / REPO / "snapshots").symlink_to(elsewhere)
    cache.make()
    assert cache.pointer.read_bytes() == b"bytes"


def folder_there(cache: Cache) -> None:
    cache.pointer.mkdir(parents=True)


def file_in_the_way(cache: Cache) -> None:
    cache.pointer.parent.parent.mkdir(parents=True)
    cache.pointer.parent.write_bytes(b"")


def link_in_the_way(cache: Cache) -> None:
    cache.pointer.parent.parent.mkdir(parents=True)
    cache.pointer.parent.symlink_to(cache.folder)


def blob_gone(cache: Cache) -> None:
    cache.blob.unlink()


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (folder_there, errors.DestinationConflictError),
        (file_in_the_way, errors.DestinationConflictError),
        (link_in_the_way, errors.UnsafePathError),
        (blob_gone, errors.DestinationError),
    ],
)
def test_what_cannot_be_linked_has_a_name(
    cache: Cache, there: Callable[[Cache], None], expected: type[errors.XfdError]
) -> None:
    there(cache)
    with pytest.raises(expected) as raised:
        cache.make()
    assert str(cache.folder) in str(raised.value)
    if expected is errors.DestinationConflictError:
        assert "set HF_HUB_CACHE to another folder" in str(raised.value)


def test_small_files_are_written_once_and_replaced_whole(tmp_path: Path) -> None:
    folder = HubFolder(tmp_path)
    ref, tree = last_files(snapshot(file_at("a"), revision="refs/pr/1"))
    folder.write(ref)
    folder.write(tree)
    at, listed = tmp_path / ref.path, tmp_path / tree.path
    assert at.read_text() == COMMIT
    before = (at.stat().st_ino, listed.stat().st_ino)
    folder.write(ref)
    folder.write(tree)
    assert (at.stat().st_ino, listed.stat().st_ino) == before

    at.write_text("d" * 40)
    folder.write(ref)
    assert at.read_text() == COMMIT

    for text, is_left in (
        ('{"format_version": 1, "files": {}}', True),
        ('{"format_version": 2, "files": {}}', False),
        ("{", False),
        ("[]", False),
    ):
        listed.write_text(text)
        folder.write(tree)
        assert (listed.read_text() == text) is is_left, text
    assert json.loads(listed.read_text())["files"]["a"]["size"] == 5
    assert list(tmp_path.rglob("*.tmp")) == []


def test_a_ref_below_another_ref_has_a_named_error(tmp_path: Path) -> None:
    folder = HubFolder(tmp_path)
    folder.write(last_files(snapshot(revision="a", is_whole=False))[0])
    with pytest.raises(errors.DestinationConflictError):
        folder.write(last_files(snapshot(revision="a/b", is_whole=False))[0])


def test_the_cache_is_tagged_once_and_as_huggingface_hub_does(tmp_path: Path) -> None:
    local_folder = pytest.importorskip("huggingface_hub._local_folder")
    HubFolder(tmp_path).tag()
    assert (tmp_path / "CACHEDIR.TAG").read_text() == local_folder.CACHEDIR_TAG_CONTENT
    (tmp_path / "CACHEDIR.TAG").write_text("a user's")
    HubFolder(tmp_path).tag()
    assert (tmp_path / "CACHEDIR.TAG").read_text() == "a user's"


def test_two_processes_link_the_same_snapshot(cache: Cache) -> None:
    program = f"""
from pathlib import Path
from xfd_dataplane.hub.links import Link
from xfd_dataplane.hub.placing import HubFolder
folder = HubFolder(Path({str(cache.folder)!r}))
for k in range(300):
    folder.link(Link(f"{REPO}/snapshots/{COMMIT}/{{k % 50}}/a", {cache.link.target!r},
                     {cache.link.blob!r}))
"""
    running = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    assert [each.wait(60) for each in running] == [0, 0, 0]
    made = cache.folder / REPO / "snapshots" / COMMIT
    assert all((made / str(k) / "a").read_bytes() == b"bytes" for k in range(50))


def test_a_repository_of_which_nothing_has_landed_is_not_taken_for_damaged(tmp_path: Path) -> None:
    huggingface_hub = pytest.importorskip("huggingface_hub")
    cache = tmp_path / "hub"
    (cache / REPO / "blobs").mkdir(parents=True)
    assert len(huggingface_hub.scan_cache_dir(cache).warnings) == 1
    HubFolder(cache).prepare(REPO)
    assert huggingface_hub.scan_cache_dir(cache).warnings == []
