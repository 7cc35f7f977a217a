"""The index outlives killed processes and damage, and is shared by processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from xfd_dataplane.cache.entries import CacheEntry, IndexedObject
from xfd_dataplane.cache.node_cache import NodeCache
from xfd_dataplane.cache.uses import Uses

PUT = """
import os, signal, sys
from pathlib import Path
from xfd_dataplane.cache.entries import CacheEntry, IndexedObject
from xfd_dataplane.cache.node_cache import NodeCache

root, first, count, end = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
for number in range(first, first + count):
    with NodeCache(root, root / "hub").opened() as index:
        path = root / f"e{number}"
        entry = CacheEntry(path, "prefix", "", 0, 0, landed_at=1.0, used_at=float(number))
        objects = [IndexedObject(f"f{k}", 5, number * 10_000 + k, None) for k in range(2000)]
        index.put(entry, objects, tree_bytes=0)
        if end == "killed":
            index._connection.execute("PRAGMA cache_spill = 1")
            os.kill(os.getpid(), signal.SIGKILL)
"""


def process(*words: str | Path | int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PUT, *map(str, words)])


def entries(cache: NodeCache) -> list[CacheEntry]:
    with cache.opened() as index:
        return index.entries()


def test_processes_take_turns_and_none_loses_what_another_wrote(tmp_path: Path) -> None:
    several = [process(tmp_path, 10 * k, 10, "") for k in range(3)]

    assert [each.wait(60) for each in several] == [0, 0, 0]
    found = entries(NodeCache(tmp_path, tmp_path / "hub"))
    assert sorted(each.path.name for each in found) == sorted(f"e{k}" for k in range(30))
    assert {(each.objects, each.bytes) for each in found} == {(2000, 10_000)}


def test_a_process_that_is_killed_in_the_middle_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    assert process(tmp_path, 0, 1, "").wait(60) == 0

    assert process(tmp_path, 1, 1, "killed").wait(60) == -signal.SIGKILL

    (found,) = entries(NodeCache(tmp_path, tmp_path / "hub"))
    assert (found.path.name, found.objects) == ("e0", 2000)


def test_a_damaged_index_is_replaced(tmp_path: Path) -> None:
    cache = NodeCache(tmp_path, tmp_path / "hub")
    for damage in (b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000):
        cache.own.mkdir(exist_ok=True)
        cache.index_path.write_bytes(damage)

        assert entries(cache) == []
        with cache.opened() as index:
            index.put(
                CacheEntry(tmp_path / "a", "file", "", 0, 0, landed_at=1.0, used_at=1.0),
                [IndexedObject("", 3, 1, 2)],
                tree_bytes=0,
            )
        assert [each.bytes for each in entries(cache)] == [3]


def test_objects_are_found_by_identity_and_the_newest_of_a_name_counts(tmp_path: Path) -> None:
    cache = NodeCache(tmp_path, tmp_path / "hub")
    entry = CacheEntry(tmp_path / "p", "prefix", "s3://b/p/", 0, 0, landed_at=1.0, used_at=1.0)
    with cache.opened() as index:
        index.put(entry, [IndexedObject(f"f{k}", k, k, None) for k in range(1200)], tree_bytes=0)
        index.put(entry, [IndexedObject("f7", 1, 5000, 9)], tree_bytes=0)

        found = index.twins("identity", [*range(1200), 5000])
        assert {(number, name) for number, _, _, name in found} == {
            *((k, f"f{k}") for k in range(1200) if k != 7),
            (5000, "f7"),
        }
        assert index.twins("content", [9]) == [(9, str(entry.path), "prefix", "f7")]
        index.remove([entry.path])
        assert index.twins("content", [9]) == []


def test_a_use_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    uses = Uses(tmp_path / "own")
    program = f"""
import sys, time
from pathlib import Path
from xfd_dataplane.cache.uses import Uses
uses = Uses(Path({str(tmp_path / "own")!r}))
with uses.locked():
    use = uses.begin()
    use.add(["/models/a", "/models/b"])
print("entered", flush=True)
time.sleep(60)
"""
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"entered\n"
        with uses.locked():
            assert uses.now() == {Path("/models/a"), Path("/models/b")}
    finally:
        holder.kill()
        holder.wait()
    with uses.locked():
        assert uses.now() == frozenset()
    assert list((tmp_path / "own/uses").iterdir()) == []
