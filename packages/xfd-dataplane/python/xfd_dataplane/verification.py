"""Verifies landed files: reads every byte again, and compares with records and the store."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from xfd_api.catalog import build_catalog
from xfd_api.checksums import pin_of
from xfd_api.chunks import Checksum, FoundObject
from xfd_api.identity import found_version
from xfd_api.lookups import plan_downloads
from xfd_api.paths import is_in_hub_cache, local_path
from xfd_api.profiles import ObjectStoreConfigByProfile, by_profile
from xfd_api.request_forms import Requests, for_one_host
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane._native import checksums, owner_doubted, record_path
from xfd_dataplane.cancellation import CallLimits, Cancellation
from xfd_dataplane.downloading import open_node
from xfd_dataplane.hub import contents as hub_contents
from xfd_dataplane.records import Record, TreeEntry, read_manifest, read_record, record_distrust

Problem = Literal["missing", "unknown", "size", "bytes", "checksum", "outdated", "tree"]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A file or an entry of a tree that differs.

    Attributes:
        path: the file, or the entry of an unpacked tree.
        problem: `missing`: no such file. `unknown`: there is no trusted record or checksum to
            compare it with; a record of another user is not trusted. `size`: another size.
            `bytes`: other bytes than the record's checksums. `checksum`: another checksum of the
            whole than the store, the request or an earlier request names. `outdated`: the store has
            another version now. `tree`: a changed entry.
        detail: what was expected and what was found, in words.
        key: the object's key, if the store was asked.
    """

    path: str
    problem: Problem
    detail: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What `verify` found.

    Attributes:
        files: files that were read.
        bytes: bytes that were read.
        entries: entries of unpacked trees whose kind, size and time were compared.
        mismatches: what differs.
    """

    files: int
    bytes: int
    entries: int
    mismatches: tuple[Mismatch, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.mismatches


@dataclass(frozen=True, slots=True)
class _Item:
    """One file to verify, with its record, the store's description and the request's checksum.

    `blob` is the checksum that a blob of the hub cache is named by.
    """

    path: Path
    record: Record | None
    found: FoundObject | None
    pin: Checksum | None = None
    blob: Checksum | None = None

    @property
    def checksums(self) -> dict[Checksum, str]:
        """Checksums of the whole file, and whose they are."""
        named: dict[Checksum, str] = {}
        if self.record is not None:
            named.update(dict.fromkeys(self.record.pins, "its record"))
        if self.pin is not None:
            named[self.pin] = "the request"
        if self.found is not None and self.found.checksum is not None:
            named[self.found.checksum] = "the store"
        if self.blob is not None:
            named[self.blob] = "its name"
        return named


def verify(
    download_requests: Requests,
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None = None,
    *,
    cancel: Cancellation | None = None,
) -> VerifyReport:
    """Reads the files that the requests have landed on this host, and compares them.

    Bytes are compared with the CRCs in their record, and with checksums that requests name. If a
    configuration is given, size and checksum are compared with the store's. Of an unpacked tree,
    each entry's kind, size and time are compared. A blob of the hub cache is compared with its
    name, whoever put it there; without a configuration, its files are those that the cache lists.

    Args:
        download_requests: as they were given to `download`.
        object_store_config: the store to compare with; None compares with records alone.
        cancel: for example a `threading.Event`; once set, the call ends within a second.

    Returns:
        What was read, and what differs.

    Raises:
        XfdError: the store could not be asked, or a file could not be read.

    Example:
        >>> from xfd_api import ObjectStoreConfig
        >>> from xfd_dataplane import download, verify
        >>> store = ObjectStoreConfig.make_for_local("/tmp/xfd-example/store")
        >>> report = download("models/config.json", store)
        >>> verify("models/config.json", store).ok
        True
    """
    limits = CallLimits(None, cancel)
    requests = for_one_host(download_requests)
    if object_store_config is None:
        items = list(_recorded(requests))
    else:
        items = list(_catalogued(requests, by_profile(object_store_config), limits))
    return _report(items, limits)


def verify_paths(paths: Iterable[Path], *, cancel: Cancellation | None = None) -> VerifyReport:
    """Verifies files and folders of this host, by their records alone."""
    items = [item for path in paths for item in _below(path.absolute())]
    return _report(items, CallLimits(None, cancel))


def _recorded(requests: Sequence[DownloadRequest]) -> Iterator[_Item]:
    for request in requests:
        if request.value.destination is None:
            for lookup in plan_downloads([request], None).lookups:
                yield from map(_of_cache, hub_contents.files_of(lookup))
            continue
        path = local_path(request.value.destination)
        if isinstance(request.value, ObjectDownloadRequest):
            yield _Item(path, read_record(path), None, pin_of(request.value))
        else:
            yield from _below(path)


def _below(path: Path) -> Iterator[_Item]:
    """The files that landed at a path: those of its manifest, or the one file.

    For a folder that was not downloaded as a whole, the files that landed below it.
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
    landed = landed or list(map(_of_cache, hub_contents.files_below(path)))
    yield from landed or [_Item(path, None, None)]


def _of_cache(file: hub_contents.CachedFile) -> _Item:
    return _Item(file.path, None, None, blob=file.checksum)


def _landed_at(path: Path) -> Iterator[_Item]:
    for place, record in sorted(read_manifest(path).items()):
        yield _Item(place, record, None)
    alone = read_record(path)
    if alone is not None:
        yield _Item(path, alone, None)


def _named_by(record: Path) -> Path:
    """The destination of a record; for a shortened record, the rest of the destination's name."""
    return record.with_name(record.name.removeprefix(".").removesuffix(".xfd"))


def _catalogued(
    requests: Sequence[DownloadRequest], stores: ObjectStoreConfigByProfile, limits: CallLimits
) -> Iterator[_Item]:
    plan = plan_downloads(requests, stores)
    with open_node() as node:
        found = limits.run(lambda: node.find_objects(plan.lookups, plan.stores))
    manifests: dict[str, dict[Path, Record]] = {}
    catalog = build_catalog(plan.lookups, found)
    yield from map(_of_cache, hub_contents.not_linked(catalog))
    for item in catalog.objects:
        if item.is_directory:
            continue
        path = local_path(item.destination)
        if is_in_hub_cache(item.destination):
            yield _Item(path, None, item.found, item.pin, hub_contents.blob_checksum(path))
            continue
        if item.group is None:
            record = read_record(path)
        else:
            if item.group not in manifests:
                manifests[item.group] = read_manifest(local_path(item.group))
            record = manifests[item.group].get(path)
        yield _Item(path, record, item.found, item.pin)


def _report(items: Sequence[_Item], limits: CallLimits) -> VerifyReport:
    files = size = entries = 0
    mismatches: list[Mismatch] = []
    for item in items:
        limits.check()
        read, wrong = _file(item, limits)
        files += read is not None
        size += read or 0
        mismatches += wrong
        if item.record is not None and item.record.tree is not None:
            entries += len(item.record.entries)
            mismatches += _tree(item.record.tree, item.record.entries)
    return VerifyReport(files, size, entries, tuple(mismatches))


def _file(item: _Item, limits: CallLimits) -> tuple[int | None, list[Mismatch]]:
    """The bytes read, or None if the file was not read, and what differs."""
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
    # A blob of the hub may be anybody's, since its name says its content.
    if item.blob is None and (doubt := owner_doubted(item.path)) is not None:
        differs("unknown", f"the file is not trusted: {doubt}")
        return None, wrong
    named = item.checksums
    if not named and (record is None or not (record.chunks or record.size == 0)):
        why = record_distrust(item.path)
        note = "" if why is None else f"; its record is not trusted: {why}"
        differs("unknown", f"neither a record nor the store has a checksum of it{note}")
        return None, wrong
    chunks = () if record is None else record.chunks
    algorithms = sorted({checksum.algorithm for checksum in named})
    size, crcs, sums = limits.run(
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
    read_as = dict(zip(algorithms, sums, strict=True))
    for checksum, whose in named.items():
        if (value := read_as[checksum.algorithm]) != checksum.value:
            differs("checksum", f"{checksum.algorithm} is {value}, {whose} says {checksum.value}")
    return size, wrong


def _is_same(record: Record, found: FoundObject) -> bool:
    recorded = FoundObject(found.key, record.size, record.etag, record.last_modified_ns)
    return found_version(recorded) == found_version(found)


def _tree(tree: Path, entries: Iterable[TreeEntry]) -> Iterator[Mismatch]:
    """Entries that are gone, or have another kind; for files also another size or time."""
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
