"""What stays on a node and what goes: downloads, real processes, and what users do to files."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from local_objects import a_prefix, an_object, put
from xfd_get_process import hidden_files

from xfd_api.errors import CacheEntryNotFoundError, DestinationError
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, UnpackOptions
from xfd_api.settings import NodeSettings
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download
from xfd_dataplane.cache import upkeep
from xfd_dataplane.cache.node_cache import NodeCache
from xfd_dataplane.cache.verdict import CacheLimits

MIB = 2**20
NOTHING_STAYS = CacheLimits(quota_bytes=0)


@pytest.fixture
def cache(home: Path) -> NodeCache:
    return NodeCache.of()


def names(cache: NodeCache) -> list[str]:
    return [os.path.relpath(entry.path, cache.root) for entry, _ in upkeep.entries(cache)]


def age(cache: NodeCache, name: str, seconds: float) -> None:
    """Makes an entry's last use so long ago."""
    with cache.opened() as index:
        entry = index.entry(cache.root / name)
        assert entry is not None
        index._connection.execute(
            "UPDATE entries SET used_at = used_at - ? WHERE path = ?", (seconds, str(entry.path))
        )


def an_archive(origin: Path, key: str) -> None:
    with tarfile.open(origin / key, "w") as tar:
        for name, size in (("pkg/__init__.py", 10), ("pkg/data.bin", 5000)):
            info = tarfile.TarInfo(name)
            info.size = size
            tar.addfile(info, io.BytesIO(os.urandom(size)))


def unpacked(key: str, *, keep: bool = True) -> DownloadRequest:
    options = UnpackOptions(Path("tree"), keep_archive=keep)
    return DownloadRequest(ObjectDownloadRequest(key, Path("a.tar"), unpack_options=options))


def test_the_index_knows_what_landed_and_when_it_was_used(
    origin: Path, store: ObjectStoreConfig, cache: NodeCache
) -> None:
    put(origin, "one", 3 * MIB)
    put(origin, "p/a", 100)
    put(origin, "p/b/c", 200)
    an_archive(origin, "a.tar")
    requests = [an_object("one", "one"), a_prefix("p", "p"), unpacked("a.tar")]

    download(requests, store)

    listed = {entry.path.name: entry for entry, _ in upkeep.entries(cache)}
    facts = {name: (each.kind, each.objects, each.bytes) for name, each in listed.items()}
    assert facts["one"] == ("file", 1, 3 * MIB)
    assert facts["p"] == ("prefix", 2, 300)
    assert facts["a.tar"] == ("tree", 1, (origin / "a.tar").stat().st_size + 5010)
    assert listed["p"].source == f"file://{origin}/p/"
    first = listed["one"].used_at
    download(an_object("one", "one"), store)
    with cache.opened() as index:
        again = index.entry(cache.root / "one")
    assert again is not None
    assert again.used_at > first
    assert again.landed_at == listed["one"].landed_at


def test_a_download_keeps_the_quota_by_removing_what_was_used_longest_ago(
    origin: Path, store: ObjectStoreConfig, cache: NodeCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        put(origin, name, MIB)
        download(an_object(name, name), store)
    age(cache, "a", 2000)
    age(cache, "b", 1000)
    put(origin, "d", MIB)
    monkeypatch.setenv("XFD_CACHE_QUOTA", "3MiB")

    download(an_object("d", "d"), store)

    assert names(cache) == ["b", "c", "d"]
    assert not (cache.root / "a").exists()
    assert [path.name for path in hidden_files(cache.root) if path.parent == cache.root] == [
        ".b.xfd",
        ".c.xfd",
        ".d.xfd",
    ]


def test_a_quota_that_is_too_small_leaves_what_the_run_itself_has_brought(
    origin: Path, store: ObjectStoreConfig, cache: NodeCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(origin, "a", MIB)
    monkeypatch.setenv("XFD_CACHE_QUOTA", "1k")
    monkeypatch.setenv("XFD_CACHE_MAX_AGE", "1s")

    download(an_object("a", "a"), store)

    assert (cache.root / "a").stat().st_size == MIB


@pytest.mark.parametrize("keep", [True, False])
def test_files_prefixes_and_trees_go_without_a_trace(
    origin: Path, store: ObjectStoreConfig, cache: NodeCache, keep: bool
) -> None:
    put(origin, "one", 100)
    put(origin, "p/a", 100)
    an_archive(origin, "a.tar")
    download([an_object("one", "x/y/one"), a_prefix("p", "p"), unpacked("a.tar", keep=keep)], store)
    (cache.root / "tree/pkg/__pycache__").mkdir()
    (cache.root / "tree/pkg/__pycache__/data.pyc").write_bytes(b"made by Python")

    removed = upkeep.prune(cache, NOTHING_STAYS)

    assert (len(removed.removed), removed.kept) == (3, [])
    assert [path.name for path in cache.root.iterdir()] == [".xfd-cache"]
    assert list(cache.aside.iterdir()) == []
    assert names(cache) == []
    again = download([an_object("one", "x/y/one"), a_prefix("p", "p")], store)
    assert again.origin_bytes == 200


def change(path: Path) -> None:
    path.write_bytes(b"edited by hand")


@pytest.mark.parametrize(
    ("touched", "touch", "why"),
    [
        ("one", change, "was changed"),
        ("p/a", change, "was changed"),
        ("p/new", change, "is not of xfd"),
        ("tree/pkg/data.bin", change, "was changed"),
        ("tree/notes", change, "is not of xfd"),
        ("a.tar", change, "was changed"),
        (".one.xfd", Path.unlink, "no record"),
        (".p.xfd", Path.unlink, "no record"),
    ],
)
def test_what_a_user_has_changed_or_added_stays(
    origin: Path,
    store: ObjectStoreConfig,
    cache: NodeCache,
    touched: str,
    touch: object,
    why: str,
) -> None:
    put(origin, "one", 100)
    put(origin, "p/a", 100)
    an_archive(origin, "a.tar")
    download([an_object("one", "one"), a_prefix("p", "p"), unpacked("a.tar")], store)
    touch(cache.root / touched)  # type: ignore[operator]
    before = {path for path in cache.root.rglob("*") if ".xfd-cache" not in path.parts}

    removed = upkeep.prune(cache, NOTHING_STAYS)

    ((kept, found),) = removed.kept
    assert why in found
    here = {path for path in cache.root.rglob("*") if ".xfd-cache" not in path.parts}
    assert all(path in here for path in before if path.is_relative_to(kept.path))
    assert len(removed.removed) == 2


def test_pinned_entries_and_those_outside_the_folders_stay_until_they_are_named(
    origin: Path, store: ObjectStoreConfig, cache: NodeCache, tmp_path: Path
) -> None:
    put(origin, "a", 100)
    put(origin, "b", 100)
    outside = tmp_path / "data/b"
    download([an_object("a", "a"), an_object("b", outside)], store)
    upkeep.pin(cache, [[cache.root / "a"]])

    assert upkeep.prune(cache, NOTHING_STAYS).removed == []
    ((kept, why),) = upkeep.remove(cache, [[cache.root / "a"]]).kept
    assert (kept.path.name, why) == ("a", "it is pinned")
    upkeep.pin(cache, [[cache.root / "a"]], pinned=False)
    upkeep.remove(cache, [[cache.root / "a"], [outside]])

    assert not (cache.root / "a").exists()
    assert list(outside.parent.iterdir()) == []
    with pytest.raises(CacheEntryNotFoundError):
        upkeep.remove(cache, [[outside]])


HOLDS = """
import sys
from xfd_api import ObjectStoreConfig
from xfd_api.catalog import build_catalog
from xfd_api.ids import NodeId, SwarmId
from xfd_api.lookups import plan_downloads
from xfd_api.settings import NodeSettings, SwarmTicket
from xfd_dataplane import Node

plan = plan_downloads(["p/a"], ObjectStoreConfig.make_for_local(sys.argv[1]))
node = Node(NodeId("n1"), NodeSettings().rooted())
catalog = build_catalog(plan.lookups, node.find_objects(plan.lookups, plan.stores))
node.join(SwarmTicket(SwarmId("s1"), token="0" * 64))
inventory = node.extend(SwarmId("s1"), catalog, plan.stores)
print(len(inventory.landed), flush=True)
sys.stdin.readline()
node.leave(SwarmId("s1"))
print("left", flush=True)
sys.stdin.readline()
"""


def test_what_another_process_uses_stays_until_it_leaves_or_is_killed(
    origin: Path, store: ObjectStoreConfig, cache: NodeCache
) -> None:
    put(origin, "p/a", 100)
    download(an_object("p/a", "p/a"), store)

    def holder() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLDS, str(origin)]
        made = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert made.stdout is not None
        assert made.stdout.readline() == "1\n"
        return made

    for end in ("killed", "left"):
        process = holder()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            ((_, why),) = upkeep.remove(cache, [[cache.root / "p/a"]]).kept
            assert why == "a run uses it"
            assert upkeep.prune(cache, NOTHING_STAYS).removed == []
            ((_, is_used),) = upkeep.entries(cache)
            assert is_used
            if end == "killed":
                process.send_signal(signal.SIGKILL)
                process.wait()
            else:
                process.stdin.write("\n")
                process.stdin.flush()
                assert process.stdout.readline() == "left\n"
                assert len(upkeep.prune(cache, NOTHING_STAYS).removed) == 1
        finally:
            process.kill()
            process.wait()
        if end == "killed":
            ((_, is_used),) = upkeep.entries(cache)
            assert not is_used


def test_what_a_killed_removal_had_put_aside_goes_with_the_next_one(cache: NodeCache) -> None:
    (cache.aside / "0123/below").mkdir(parents=True)
    (cache.aside / "0123/below/file").write_bytes(b"x")

    upkeep.prune(cache, NOTHING_STAYS)

    assert list(cache.aside.iterdir()) == []


def test_an_index_that_is_lost_is_made_again_from_the_records(
    origin: Path, store: ObjectStoreConfig, cache: NodeCache
) -> None:
    put(origin, "one", 100)
    put(origin, "p/a", 100)
    put(origin, "p/b/c", 200)
    an_archive(origin, "a.tar")
    download([an_object("one", "deep/one"), a_prefix("p", "p"), unpacked("a.tar")], store)
    before = [(each.path, each.kind, each.bytes, each.tree) for each, _ in upkeep.entries(cache)]
    cache.index_path.unlink()

    after = [(each.path, each.kind, each.bytes, each.tree) for each, _ in upkeep.entries(cache)]

    assert after == before
    assert len(upkeep.prune(cache, NOTHING_STAYS).removed) == 3


def test_a_file_that_its_user_removed_is_forgotten(
    origin: Path, store: ObjectStoreConfig, cache: NodeCache
) -> None:
    put(origin, "one", 100)
    download(an_object("one", "one"), store)
    (cache.root / "one").unlink()

    assert names(cache) == []
    (left,) = upkeep.clean(cache, only_looks=True)
    assert (left.what, left.path.name) == ("record", ".one.xfd")
    upkeep.clean(cache)
    assert upkeep.clean(cache) == []


def test_old_part_files_locks_and_trees_are_left_over_and_young_ones_are_not(
    origin: Path, store: ObjectStoreConfig, cache: NodeCache
) -> None:
    put(origin, "one", 100)
    download(an_object("one", "one"), store)
    old = time.time() - 2 * 86400
    for name in (".big.xfd-part", ".big.xfd-journal", ".big.xfd-lock", ".young.xfd-part"):
        (cache.root / name).write_bytes(b"12345")
    (cache.root / ".xfd-tree-1/in").mkdir(parents=True)
    (cache.root / ".xfd-tree-1/in/file").write_bytes(b"123")
    for name in (".big.xfd-part", ".big.xfd-journal", ".big.xfd-lock", ".xfd-tree-1"):
        os.utime(cache.root / name, (old, old))

    found = {(each.path.name, each.what, each.bytes) for each in upkeep.clean(cache)}

    assert found == {
        (".big.xfd-part", "part", 5),
        (".big.xfd-journal", "part", 5),
        (".big.xfd-lock", "lock", 5),
        (".xfd-tree-1", "tree", 3),
    }
    here = {path.name for path in cache.root.iterdir()}
    assert here == {".xfd-cache", "one", ".one.xfd", ".young.xfd-part"}


def test_a_root_without_an_index_downloads_all_the_same(
    origin: Path, store: ObjectStoreConfig, cache: NodeCache
) -> None:
    put(origin, "one", 100)
    cache.root.mkdir()
    cache.own.write_bytes(b"in the way")

    report = download(an_object("one", "one"), store)

    assert report.origin_bytes == 100
    assert (cache.root / "one").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")
@pytest.mark.parametrize("what", [".xfd-cache", ".xfd-cache/index.sqlite", "a link"])
def test_the_index_of_another_user_is_neither_believed_nor_changed(
    origin: Path, store: ObjectStoreConfig, cache: NodeCache, what: str, tmp_path: Path
) -> None:
    put(origin, "one", 100)
    download(an_object("one", "one"), store)
    before = cache.index_path.read_bytes()
    if what == "a link":
        cache.own.rename(tmp_path / "elsewhere")
        cache.own.symlink_to(tmp_path / "elsewhere")
    else:
        os.chown(cache.root / what, 65534, 65534)

    with pytest.raises(DestinationError, match="belongs to user"):
        upkeep.prune(cache, NOTHING_STAYS)
    put(origin, "two", 100)
    download(an_object("two", "two"), store)

    assert (cache.root / "one").exists()
    assert (cache.root / "two").exists()
    assert cache.index_path.read_bytes() == before


def test_limits_of_a_running_node_can_change() -> None:
    limited = NodeSettings(cache_quota_bytes=1, cache_max_age_s=2.0)

    assert NodeSettings().fixed_that_differ(limited) == ()


def test_a_file_in_use_stays_whatever_links_lead_to_it(
    origin: Path, store: ObjectStoreConfig, cache: NodeCache, tmp_path: Path
) -> None:
    cache.root.mkdir(exist_ok=True)
    (tmp_path / "link").symlink_to(cache.root)
    put(origin, "one", 100)
    download(an_object("one", "one"), store)

    with cache.uses.locked():
        use = cache.uses.begin()
        use.add([str(tmp_path / "link/one")])
    kept = upkeep.remove(cache, [[cache.root / "one"]]).kept
    use.end()
    with cache.uses.locked():
        use = cache.uses.begin()
        use.add([str(cache.root / "one")])
    download(an_object("one", str(tmp_path / "link/one")), store)
    kept += upkeep.remove(cache, [[tmp_path / "link/one"]]).kept
    use.end()

    assert [why for _, why in kept] == ["a run uses it", "a run uses it"]
    assert (cache.root / "one").exists()


def test_what_lies_in_a_root_below_this_one_is_that_roots_alone(
    origin: Path, store: ObjectStoreConfig, cache: NodeCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = NodeSettings(root=str(cache.root / "inner"))
    monkeypatch.setenv("XFD_ROOT", inner.root)
    put(origin, "one", 100)
    download(an_object("one", "one"), store)
    part = cache.root / "inner/.two.xfd-part"
    part.write_bytes(b"begun")
    os.utime(part, (0, 0))

    assert upkeep.entries(cache) == []
    assert upkeep.clean(cache) == []
    assert [entry.path.name for entry, _ in upkeep.entries(NodeCache.of(inner))] == ["one"]
    assert [each.path for each in upkeep.clean(NodeCache.of(inner))] == [part]


def test_an_archive_stays_if_its_tree_cannot_be_removed(
    origin: Path, store: ObjectStoreConfig, cache: NodeCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_archive(origin, "a.tar")
    download(unpacked("a.tar"), store)
    rename = Path.rename

    def refuses_trees(path: Path, target: Path) -> Path:
        if path.name == "tree":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuses_trees)
    removed = upkeep.remove(cache, [[cache.root / "a.tar"]])

    assert [why for _, why in removed.kept] == ["it cannot be removed: Permission denied"]
    assert (cache.root / "a.tar").exists()
    assert (cache.root / "tree/pkg/data.bin").exists()
    monkeypatch.undo()
    monkeypatch.setenv("XFD_ROOT", str(cache.root))
    assert download(unpacked("a.tar"), store).origin_bytes == 0
