"""Reads what the data plane remembers of landed objects; it alone writes that.

Format 1. `.NAME.xfd` beside NAME (cut where that would be too long a name) is a JSON object:
`format`, the object at its store (`size`, `etag`, `last_modified_ns`), `file` ([size, mtime in ns]
on disk, or null where the archive was not kept), `chunks` ([length, CRC-64/NVME] each, in order),
and `tree` where it was unpacked (`destination`, `links`, `bytes`, `entries` of `path`, `kind`,
`size`, `mtime_ns`). A name that is not UTF-8 is a list of its bytes.

For a prefix there is one such file beside its folder, or `.xfd` inside one that is a mount point or
lies in one that its user may not write to, with a line each: `[path, size, etag, last_modified_ns,
mtime in ns on disk, chunks]` for a file, and `{"path": ..., "record": ...}` for what is not just
that; the last line of a path counts, and a null record takes the earlier ones back.

A file that belongs to another user (root apart), or is no regular file with one name, is not
believed: it counts as none.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xfd_dataplane._native import manifest_texts, record_text

FORMAT = 1


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """An entry of an unpacked tree. `kind` is f, d, l (symbolic link) or h (hard link)."""

    path: str
    kind: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of one landed object; see the module."""

    size: int
    etag: str | None
    last_modified_ns: int | None
    file: tuple[int, int] | None
    chunks: tuple[tuple[int, int], ...]
    tree: Path | None
    entries: tuple[TreeEntry, ...]


def read_record(destination: Path) -> Record | None:
    """The record of one file; None where there is none, or none that can be read and believed.

    Raises:
        XfdError: the disk did not give it.
    """
    text, _ = record_text(destination)
    try:
        return None if text is None else _record(json.loads(text))
    except ValueError:
        return None


def doubted(destination: Path) -> str | None:
    """Why the record of one file is not believed, in words, if there is one that is not."""
    return record_text(destination)[1]


def read_manifest(folder: Path) -> dict[Path, Record]:
    """The records of a prefix, by the absolute path of each file.

    Raises:
        XfdError: the disk did not give them.
    """
    records: dict[Path, Record] = {}
    lines = (line for text in manifest_texts(folder) for line in text.splitlines())
    for line in lines:
        try:
            path, record = _line(folder, json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        if record is None:
            records.pop(path, None)
        else:
            records[path] = record
    return records


def _line(folder: Path, line: Any) -> tuple[Path, Record | None]:
    """A line of a manifest; what is none raises one of the errors that looking into it gives."""
    if isinstance(line, list):
        path, size, etag, last_modified_ns, mtime_ns, chunks = line
        file = (size, mtime_ns)
        record = Record(size, etag, last_modified_ns, file, _chunks(chunks), None, ())
        return folder / path, record
    return folder / line["path"], _record(line.get("record"))


def _chunks(pairs: Any) -> tuple[tuple[int, int], ...]:
    return tuple((length, crc) for length, crc in pairs)


def _name(value: Any) -> str:
    return value if isinstance(value, str) else os.fsdecode(bytes(value))


def _record(value: Any) -> Record | None:
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        return None
    file, tree = value.get("file"), value.get("tree") or {}
    return Record(
        size=value["size"],
        etag=value.get("etag"),
        last_modified_ns=value.get("last_modified_ns"),
        file=None if file is None else (file[0], file[1]),
        chunks=_chunks(value.get("chunks", ())),
        tree=Path(tree["destination"]) if tree else None,
        entries=tuple(
            TreeEntry(_name(entry["path"]), entry["kind"], entry["size"], entry["mtime_ns"])
            for entry in tree.get("entries") or ()
        ),
    )
