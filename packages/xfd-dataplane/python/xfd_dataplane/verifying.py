"""Reads what has landed again, byte by byte, and compares it with its records and its store."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from xfd_api.catalog import build_catalog
from xfd_api.chunks import ChecksumAlgorithm, FoundObject
from xfd_api.lookups import plan_lookups
from xfd_api.paths import local_path
from xfd_api.request_forms import Requests, as_requests
from xfd_api.requests import DownloadRequest, PrefixDownloadRequest
from xfd_api.stores import ObjectStoreConfig, ObjectStoreConfigByProfile, by_profile
from xfd_dataplane._native import checksums, owner_doubted, record_path
from xfd_dataplane.downloading import open_node
from xfd_dataplane.records import Record, TreeEntry, doubted, read_manifest, read_record
from xfd_dataplane.watch import Cancellation, Watch

Problem = Literal["missing", "unknown", "size", "bytes", "checksum", "outdated", "tree"]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something that is not as it should be.

    Attributes:
        path: the file, or the entry of an unpacked tree.
        problem: `missing`: no such file. `unknown`: there is nothing to compare it with, or nothing
            that is believed, as the file or its record belongs to another user. `size`,
            `bytes` (against the record's checksums), `checksum` (against the store's): it differs.
            `outdated`: the store has another object now. `tree`: an entry was changed.
        detail: in words, with what was expected and what was found.
        key: of the object, where the store was asked.
    """

    path: str
    problem: Problem
    detail: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What `verify` found. `files` and `bytes` were read again; tree entries were looked at."""

    files: int
    bytes: int
    entries: int
    mismatches: tuple[Mismatch, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is as it should be."""
        return not self.mismatches


@dataclass(frozen=True, slots=True)
class _Item:
    """One file to verify, with what is known of it."""

    path: Path
    record: Record | None
    found: FoundObject | None


def verify(
    download_requests: Requests,
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None = None,
    *,
    cancel: Cancellation | None = None,
) -> VerifyReport:
    """Reads again what the requests have landed on this host.

    Bytes are compared with the CRCs in their record and, where a configuration is given, size and
    checksum with the store's. Of an unpacked tree, each entry's kind, size and time are compared.

    Args:
        download_requests: as they were given to `download`.
        object_store_config: to compare with the store as well; None compares with records alone.
        cancel: a `threading.Event`, say; once set, the call ends within a second.

    Raises:
        XfdError: the store could not be asked, or a file could not be read.
    """
    watch = Watch(None, cancel)
    requests = as_requests(download_requests)
    if object_store_config is None:
        items = list(_recorded(requests))
    else:
        items = list(_catalogued(requests, by_profile(object_store_config), watch))
    return _report(items, watch)


def verify_paths(paths: Iterable[Path], *, cancel: Cancellation | None = None) -> VerifyReport:
    """The same for files and folders of this host, by their records alone."""
    items = [item for path in paths for item in _below(path.absolute())]
    return _report(items, Watch(None, cancel))


def _recorded(requests: Sequence[DownloadRequest]) -> Iterator[_Item]:
    for request in requests:
        path = local_path(request.value.destination)
        if isinstance(request.value, PrefixDownloadRequest):
            yield from _below(path)
        else:
            yield _Item(path, read_record(path), None)


def _below(path: Path) -> Iterator[_Item]:
    """What has landed at a path: the files of its manifest, or the one file; else what a folder
    that nobody asked for as a whole has in it, if anything.
    """
    landed = list(_landed_at(path))
    if not landed and path.is_dir():
        records = set(path.rglob(".*.xfd"))
        places = {place for place in path.rglob("*") if record_path(place) in records}
        places |= {manifest.parent for manifest in path.rglob(".xfd")}
        lost = records - {record_path(place) for place in places}
        landed = [
            item
            for place in sorted(places | {_named_by(record) for record in lost})
            for item in _landed_at(place)
        ]
    yield from landed or [_Item(path, None, None)]


def _landed_at(path: Path) -> Iterator[_Item]:
    for place, record in sorted(read_manifest(path).items()):
        yield _Item(place, record, None)
    alone = read_record(path)
    if alone is not None:
        yield _Item(path, alone, None)


def _named_by(record: Path) -> Path:
    """Whose record it is; of a name that was too long for one, what was kept of it."""
    return record.with_name(record.name.removeprefix(".").removesuffix(".xfd"))


def _catalogued(
    requests: Sequence[DownloadRequest], stores: ObjectStoreConfigByProfile, watch: Watch
) -> Iterator[_Item]:
    lookups = plan_lookups(requests, stores)
    with open_node() as node:
        found = watch.run(lambda: node.find_objects(lookups, stores))
    manifests: dict[str, dict[Path, Record]] = {}
    for item in build_catalog(lookups, found).objects:
        if item.is_directory:
            continue
        path = local_path(item.destination)
        if item.group is None:
            record = read_record(path)
        else:
            if item.group not in manifests:
                manifests[item.group] = read_manifest(local_path(item.group))
            record = manifests[item.group].get(path)
        yield _Item(path, record, item.found)


def _report(items: Sequence[_Item], watch: Watch) -> VerifyReport:
    files = size = entries = 0
    mismatches: list[Mismatch] = []
    for item in items:
        watch.check()
        read, wrong = _file(item, watch)
        files += read is not None
        size += read or 0
        mismatches += wrong
        if item.record is not None and item.record.tree is not None:
            entries += len(item.record.entries)
            mismatches += _tree(item.record.tree, item.record.entries)
    return VerifyReport(files, size, entries, tuple(mismatches))


def _file(item: _Item, watch: Watch) -> tuple[int | None, list[Mismatch]]:
    """Bytes read, if the file was, and what is wrong with it."""
    record, found = item.record, item.found
    wrong: list[Mismatch] = []

    def differs(problem: Problem, detail: str) -> None:
        key = None if found is None else found.key
        wrong.append(Mismatch(str(item.path), problem, detail, key))

    if record is not None and found is not None and not _is_same(record, found):
        differs("outdated", f"the store has {found.etag}, {record.etag} was fetched")
    if record is not None and record.file is None and record.tree is not None:
        return None, wrong
    if record is None and found is None and item.path.is_dir():
        differs("unknown", "nothing in this folder has a record")
        return None, wrong
    if not item.path.is_file():
        differs("missing", "there is no such file")
        return None, wrong
    if (doubt := owner_doubted(item.path)) is not None:
        differs("unknown", f"the file is not believed: {doubt}")
        return None, wrong
    checksum = None if found is None else found.checksum
    if checksum is None and (record is None or not (record.chunks or record.size == 0)):
        why = doubted(item.path)
        note = "" if why is None else f"; its record is not believed: {why}"
        differs("unknown", f"neither a record nor the store has a checksum of it{note}")
        return None, wrong
    chunks = () if record is None else record.chunks
    algorithms: tuple[ChecksumAlgorithm, ...] = () if checksum is None else (checksum.algorithm,)
    size, crcs, sums = watch.run(
        lambda: checksums(str(item.path), [length for length, _ in chunks], algorithms)
    )
    expected = found.size if found is not None else record.size if record is not None else size
    if size != expected:
        differs("size", f"{size} bytes instead of {expected}")
        return size, wrong
    offset = 0
    for (length, crc), read in zip(chunks, crcs, strict=True):
        if crc != read:
            differs("bytes", f"bytes {offset} to {offset + length} differ from their record")
        offset += length
    if checksum is not None and sums != [checksum.value]:
        differs("checksum", f"{checksum.algorithm} is {sums[0]}, the store says {checksum.value}")
    return size, wrong


def _is_same(record: Record, found: FoundObject) -> bool:
    return (record.size, record.etag, record.last_modified_ns) == (
        found.size,
        found.etag,
        found.last_modified_ns,
    )


def _tree(tree: Path, entries: Iterable[TreeEntry]) -> Iterator[Mismatch]:
    """Entries that are gone or changed: by kind, and for files by size and time."""
    kinds = {"d": stat.S_ISDIR, "l": stat.S_ISLNK}
    for entry in entries:
        path = tree / entry.path
        try:
            seen = path.lstat()
        except OSError:
            yield Mismatch(str(path), "tree", "the entry is gone")
            continue
        if not kinds.get(entry.kind, stat.S_ISREG)(seen.st_mode):
            yield Mismatch(str(path), "tree", "the entry is of another kind")
        elif entry.kind == "f" and (seen.st_size, seen.st_mtime_ns) != (
            entry.size,
            entry.mtime_ns,
        ):
            yield Mismatch(str(path), "tree", "the file was changed")
