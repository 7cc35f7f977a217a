"""What runs that were killed or given up left beside destinations, and records without files.

A part file waits for the next run of its object, which goes on from it. One that is old is of an
object that nobody wants any more, or of a version that its store has no longer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xfd_dataplane.cache.comparing import is_held
from xfd_dataplane.cache.hub_snapshots import RECORDS
from xfd_dataplane.cache.node_cache import OWN, NodeCache
from xfd_dataplane.cache.rebuilding import destination_of
from xfd_dataplane.cache.removing import ASIDE, delete
from xfd_dataplane.cache.verdict import UsedPlaces
from xfd_dataplane.records import read_manifest, read_record

OLD_S = 86400.0
"""Part files and staged trees that were not written to for this long are left over, in seconds."""

_TREE = ".xfd-tree-"


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file or folder of xfd that serves nothing.

    Attributes:
        path: where it is.
        what: `record` without its file, `part` file or its journal, staged `tree`, `lock` that
            nobody holds, or what a `removal` has put aside.
        bytes: its size, of a tree that of all its files.
    """

    path: Path
    what: str
    bytes: int


def leftovers(
    cache: NodeCache, folders: list[Path], used: UsedPlaces, *, now: float, old_s: float = OLD_S
) -> list[Leftover]:
    """What is left over in these folders and below them; links are not followed.

    Folders below them that have an index of their own are left out.

    Args:
        cache: the node's. With its root among the folders, the hub cache is looked at too.
        folders: where to look.
        used: the destinations that runs use.
        now: seconds since 1970.
        old_s: see `OLD_S`.
    """
    found: list[Leftover] = []
    for folder in folders:
        found += _below(folder, used, now - old_s)
        if folder == cache.root:
            found += _of_hub(cache, used, now - old_s)
    return sorted(set(found), key=lambda each: each.path)


def _below(folder: Path, used: UsedPlaces, before: float) -> Iterator[Leftover]:
    for above, folders, names in os.walk(folder):
        if OWN in folders and Path(above) != folder:  # Its runs are not among those in use.
            folders.clear()
            continue
        for name in folders:
            if name.startswith((_TREE, ASIDE)) and not used.has(Path(above)):
                yield from _old(Path(above, name), "tree", before, used)
        folders[:] = [
            name
            for name in folders
            if name not in (OWN, RECORDS) and not name.startswith((_TREE, ASIDE))
        ]
        for name in names:
            path = Path(above, name)
            if name.startswith(ASIDE):
                yield _leftover(path, "removal")
            elif not name.startswith("."):
                continue
            elif name.endswith((".xfd-part", ".xfd-journal")):
                lock = path.with_name(f"{name.rpartition('.xfd-')[0]}.xfd-lock")
                if not is_held(lock):
                    yield from _old(path, "part", before, used)
            elif name.endswith(".xfd-lock") and not is_held(path):
                yield from _old(path, "lock", before, used)
            elif name.endswith(".xfd") and _is_without_files(path):
                yield from _old(path, "record", float("inf"), used)


def _is_without_files(record: Path) -> bool:
    path = destination_of(record)
    if path is None:
        return True
    alone = None if record.name == ".xfd" else read_record(path)
    if alone is not None:
        return not os.path.lexists(path) and not (alone.tree and os.path.lexists(alone.tree))
    records = read_manifest(path)
    return bool(records) and not any(map(os.path.lexists, records))


def _of_hub(cache: NodeCache, used: UsedPlaces, before: float) -> Iterator[Leftover]:
    """Part files in the hub cache, and records of repositories that are gone."""
    for parts in cache.hub_cache.glob("*/.xfd"):
        if not used.has(parts.parent):
            yield from _old(parts, "part", before, used)
    for records in (cache.root / RECORDS).glob("*/*"):
        if not (cache.hub_cache / records.name).exists():
            yield _leftover(records, "record")


def _old(path: Path, what: str, before: float, used: UsedPlaces) -> Iterator[Leftover]:
    owner = path.with_name(path.name[1:].partition(".xfd")[0] or path.parent.name)
    try:
        if path.lstat().st_mtime < before and not used.has(owner):
            yield _leftover(path, what)
    except FileNotFoundError:
        return


def _leftover(path: Path, what: str) -> Leftover:
    files = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
    return Leftover(path, what, sum(each.lstat().st_size for each in files if each.is_file()))


def remove_leftovers(found: list[Leftover]) -> None:
    """Deletes them. The lock of the cache is held."""
    for each in found:
        delete(each.path)
