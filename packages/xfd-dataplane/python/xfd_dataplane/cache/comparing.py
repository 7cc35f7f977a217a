"""Whether what lies at an entry's place is still what xfd left there, and nothing else.

The records beside the files decide, not the index. What a user has changed or added stays.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from xfd_dataplane._native import record_path
from xfd_dataplane.cache.entries import CacheEntry
from xfd_dataplane.cache.lock_file import try_lock
from xfd_dataplane.records import Record, TreeEntry, read_manifest, read_record

_MADE_BY_PYTHON = "__pycache__"
"""A folder that programs leave in a tree of Python modules; it goes with the tree."""


def why_kept(entry: CacheEntry) -> str | None:
    """Why an entry is not to be removed; None if it is as xfd left it.

    Args:
        entry: no snapshot of a hub; those are compared in `hub_snapshots`.
    """
    if _is_written(entry.path):
        return "another process writes it"
    if entry.kind == "prefix":
        return _folder(entry.path)
    record = read_record(entry.path)
    if record is None:
        return "it has no record that can be trusted"
    if entry.tree is not None:
        return _archive(entry.path, record) or _tree(entry.tree, record)
    return _file(entry.path, record)


def is_gone(entry: CacheEntry) -> bool:
    """Whether nothing lies at an entry's places."""
    return not any(map(os.path.lexists, entry.places))


def _is_written(path: Path) -> bool:
    return any(map(is_held, (Path(f"{record_path(path)}-lock"), path / ".xfd-lock")))


def is_held(lock: Path) -> bool:
    """Whether another process holds the lock of a writer."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return not try_lock(descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _file(path: Path, record: Record) -> str | None:
    if record.file is None:
        return "its record has no file"
    found = path.lstat()
    as_left = stat.S_ISREG(found.st_mode) and (found.st_size, found.st_mtime_ns) == record.file
    return None if as_left else f"{path} was changed"


def _archive(path: Path, record: Record) -> str | None:
    return _file(path, record) if os.path.lexists(path) else None


def _tree(folder: Path, record: Record) -> str | None:
    if not folder.is_dir() or folder.is_symlink():
        return (
            None if not os.path.lexists(folder) else f"{folder} is not the tree that was unpacked"
        )
    if record.tree != folder:
        return "its record names another tree"
    known = {entry.path: entry for entry in record.entries}
    for name, found in _walk(folder):
        entry = known.get(name)
        if entry is None:
            if not _is_implied(name, found, known):
                return f"{folder / name} is not of xfd"
        elif not _is_as_left(entry, found):
            return f"{folder / name} was changed"
    return None


def _is_implied(name: str, found: os.stat_result, known: Mapping[str, TreeEntry]) -> bool:
    """Whether it is a folder on the way to a recorded entry, or one of Python's."""
    if _MADE_BY_PYTHON in name.split("/"):
        return True
    return stat.S_ISDIR(found.st_mode) and any(path.startswith(f"{name}/") for path in known)


def _is_as_left(entry: TreeEntry, found: os.stat_result) -> bool:
    match entry.kind:
        case "d":
            return stat.S_ISDIR(found.st_mode)
        case "l":
            return stat.S_ISLNK(found.st_mode)
        case "h":
            return stat.S_ISREG(found.st_mode)
        case _:
            is_file = stat.S_ISREG(found.st_mode)
            return is_file and (found.st_size, found.st_mtime_ns) == (entry.size, entry.mtime_ns)


def _folder(folder: Path) -> str | None:
    if folder.is_symlink():
        return f"{folder} is a link"
    records = {os.fspath(path): record for path, record in read_manifest(folder).items()}
    if not records:
        return "it has no record that can be trusted"
    for name, found in _walk(folder):
        path = f"{folder}/{name}"
        if stat.S_ISDIR(found.st_mode) or _is_own(path, records):
            continue
        record = records.get(path)
        if record is None:
            return f"{path} is not of xfd"
        if not stat.S_ISREG(found.st_mode) or record.file != (found.st_size, found.st_mtime_ns):
            return f"{path} was changed"
    return None


def _is_own(path: str, records: Mapping[str, Record]) -> bool:
    """Whether a dot file of xfd belongs to the folder, or to a file of its manifest."""
    above, _, name = path.rpartition("/")
    if name in (".xfd", ".xfd-lock"):
        return True
    for suffix in (".xfd-part", ".xfd-journal"):
        if name.startswith(".") and name.endswith(suffix):
            return f"{above}/{name[1 : -len(suffix)]}" in records
    return False


def _walk(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """All that is below a folder, by its relative path; links are not followed."""
    stack = [("", os.fspath(folder))]
    while stack:
        above, path = stack.pop()
        with os.scandir(path) as names:
            for each in names:
                name = f"{above}{each.name}"
                found = each.stat(follow_symlinks=False)
                yield name, found
                if stat.S_ISDIR(found.st_mode):
                    stack.append((f"{name}/", each.path))
