"""Makes entries of the records below a node's root: for an index that is new, or was lost.

Records do not name their store, so what is found this way is shared by its checksum alone, until a
run uses it. Snapshots of the hub, and destinations outside of the root, are found when a run uses
them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from xfd_dataplane._native import record_path
from xfd_dataplane.cache.entries import CacheEntry, IndexedObject
from xfd_dataplane.cache.hub_snapshots import RECORDS
from xfd_dataplane.cache.identity import STRONG, checksum_identity
from xfd_dataplane.cache.index import CacheIndex
from xfd_dataplane.cache.node_cache import OWN, NodeCache
from xfd_dataplane.records import Record, read_manifest, read_record

_SCANNED = "scanned"


def rebuild_once(cache: NodeCache, index: CacheIndex) -> None:
    """Adds what has a record and no entry, if the records were not looked at before."""
    if index.fact(_SCANNED) is None:
        rebuild(cache, index)
        index.keep_fact(_SCANNED, "1")


def rebuild(cache: NodeCache, index: CacheIndex) -> None:
    """Adds what has a record and no entry."""
    known = {entry.path for entry in index.entries()}
    for entry, objects, tree_bytes in _recorded(cache.root):
        if entry.path not in known:
            index.put(entry, objects, tree_bytes=tree_bytes)


def _recorded(root: Path) -> Iterator[tuple[CacheEntry, list[IndexedObject], int]]:
    for record in record_files(root):
        path = destination_of(record)
        if path is None:
            continue
        used_at = record.lstat().st_mtime
        alone = None if record.name == ".xfd" else read_record(path)
        if alone is not None:
            size = 0 if alone.file is None else alone.file[0]
            kind, tree = ("file", None) if alone.tree is None else ("tree", alone.tree)
            entry = CacheEntry(path, kind, "", size, 1, used_at, used_at, tree=tree)  # type: ignore[arg-type]
            tree_bytes = sum(each.size for each in alone.entries if each.kind == "f")
            yield entry, [IndexedObject("", size, None, _content(alone))], tree_bytes
            continue
        records = read_manifest(path)
        objects = [
            IndexedObject(os.path.relpath(file, path), each.file[0], None, _content(each))
            for file, each in records.items()
            if each.file is not None
        ]
        if objects and path.is_dir():
            size = sum(each.size for each in objects)
            yield CacheEntry(path, "prefix", "", size, len(objects), used_at, used_at), objects, 0


def _content(record: Record) -> int | None:
    strong = (pin for pin in record.pins if pin.algorithm in STRONG)
    return next(map(checksum_identity, strong), None)


def record_files(folder: Path) -> Iterator[Path]:
    """The records and manifests in a folder and below it; links are not followed.

    Folders with an index of their own are left out: this root does not know their runs.
    """
    for above, folders, names in os.walk(folder):
        if OWN in folders and Path(above) != folder:
            folders.clear()
            continue
        folders[:] = [name for name in folders if name not in (OWN, RECORDS)]
        for name in names:
            if name.startswith(".") and name.endswith(".xfd"):
                yield Path(above, name)


def destination_of(record: Path) -> Path | None:
    """What a record describes: the folder it lies in, or what has its name.

    None if that is gone, and its name was too long to be in the record's.
    """
    if record.name == ".xfd":
        return record.parent
    path = record.with_name(record.name[1:].removesuffix(".xfd"))
    if record_path(path) == record:
        return path
    return next((each for each in record.parent.iterdir() if record_path(each) == record), None)
