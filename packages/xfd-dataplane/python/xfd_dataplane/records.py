"""Reads the data plane's records of landed objects; only the data plane writes them.

Format 1. `.NAME.xfd` beside NAME (shortened if it would be too long) is a JSON object. It has:

- `format`;
- the object at its store: `size`, `etag`, `last_modified_ns`;
- `file`: [size, mtime in ns] on disk, or null if the archive was not kept;
- `chunks`: [length, CRC-64/NVME] of each, in order;
- `tree`, if it was unpacked: `destination`, `links`, `bytes`, and `entries` of `path`, `kind`,
  `size`, `mtime_ns`, and `conda_unpack` if that ran in it. A name that is not UTF-8 is a list of
  its bytes;
- `pins`, if requests named checksums of the whole file: `algorithm` and `value` of those that it
  was compared with;
- `unsynced`, if the file was not synced: which start of the machine it was written in. After
  another start the data plane reads it again before it counts.

A prefix has one manifest beside its folder. It is `.xfd` inside the folder if that is a mount point
or the user may not write beside it. A line is `[path, size, etag, last_modified_ns, mtime in ns on
disk, chunks]` for a plain file without pins, with `unsynced` as a seventh value if it has that;
else it is `{"path": ..., "record": ...}`. The last line of a path wins. A null record revokes the
earlier lines.

A record that belongs to another user (except root), or is no regular file with one name, is not
trusted and counts as missing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xfd_api.chunks import Checksum
from xfd_api.json_text import parsed
from xfd_dataplane._native import manifest_texts, record_text

FORMAT = 1

_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError)
"""What taking a malformed record apart raises."""


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """An entry of an unpacked tree. `kind` is f, d, l (symbolic link) or h (hard link)."""

    path: str
    kind: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Record:
    """The record of one landed object; see the module."""

    size: int
    etag: str | None
    last_modified_ns: int | None
    file: tuple[int, int] | None
    chunks: tuple[tuple[int, int], ...]
    tree: Path | None
    entries: tuple[TreeEntry, ...]
    pins: tuple[Checksum, ...] = ()


def read_record(destination: Path) -> Record | None:
    """The record of one file; None if there is none that can be read and trusted.

    Raises:
        XfdError: the disk failed.
    """
    text, _ = record_text(destination)
    try:
        return None if text is None else _record(parsed(text))
    except _MALFORMED:
        return None


def record_distrust(destination: Path) -> str | None:
    """Why the record of one file is not trusted, if it has such a record."""
    return record_text(destination)[1]


def read_manifest(folder: Path) -> dict[Path, Record]:
    """The records of a prefix, by the absolute path of each file.

    Raises:
        XfdError: the disk failed.
    """
    records: dict[Path, Record] = {}
    lines = (line for text in manifest_texts(folder) for line in text.split(b"\n"))
    for line in lines:
        try:
            path, record = _line(folder, parsed(line))
        except _MALFORMED:
            continue
        if record is None:
            records.pop(path, None)
        else:
            records[path] = record
    return records


def _line(folder: Path, line: Any) -> tuple[Path, Record | None]:
    """A line of a manifest; a malformed one raises any error of unpacking it."""
    if isinstance(line, list):
        path, size, etag, last_modified_ns, mtime_ns, chunks = line[:6]
        if len(line) > 7:
            raise ValueError
        file = (_whole(size), _whole(mtime_ns))
        record = Record(
            file[0], _text(etag), _whole_or_none(last_modified_ns), file, _chunks(chunks), None, ()
        )
        return folder / path, record
    return folder / line["path"], _record(line.get("record"))


def _whole(value: Any) -> int:
    if type(value) is not int or not -(2**63) <= value < 2**64:
        raise TypeError
    return value


def _whole_or_none(value: Any) -> int | None:
    return None if value is None else _whole(value)


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError
    return value


def _chunks(pairs: Any) -> tuple[tuple[int, int], ...]:
    return tuple((_whole(length), _whole(crc)) for length, crc in pairs)


def _name(value: Any) -> str:
    return value if isinstance(value, str) else os.fsdecode(bytes(value))


def _record(value: Any) -> Record | None:
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        return None
    file, tree = value.get("file"), value.get("tree") or {}
    return Record(
        size=_whole(value["size"]),
        etag=_text(value.get("etag")),
        last_modified_ns=_whole_or_none(value.get("last_modified_ns")),
        file=None if file is None else (_whole(file[0]), _whole(file[1])),
        chunks=_chunks(value.get("chunks", ())),
        tree=Path(tree["destination"]) if tree else None,
        entries=tuple(
            TreeEntry(
                _name(entry["path"]),
                str(entry["kind"]),
                _whole(entry["size"]),
                _whole(entry["mtime_ns"]),
            )
            for entry in tree.get("entries") or ()
        ),
        pins=tuple(Checksum(pin["algorithm"], str(pin["value"])) for pin in value.get("pins", ())),
    )
