"""Writes what cosmos-xenna's cache looks at, beside files that xfd has brought.

Versions 0.2.0 to 0.5.12 take a file for cached if it exists and a file `NAME.s3_cache_info` beside
it has the uri, the size and the time of the object at its store. A tree that was unpacked has
`.s3_cache_info` inside. Neither the file's own size nor its time counts. cosmos-xenna removes a
file or a tree that has no such note, and fetches it again.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xfd_api import (
    DownloadRequest,
    HubDownloadRequest,
    ObjectDownloadRequest,
    PrefixDownloadRequest,
)
from xfd_api.errors import DestinationError, DestinationNotWritableError
from xfd_api.results import ObjectResult
from xfd_api.uris import parse_uri
from xfd_dataplane.records import Record, read_manifest, read_record

NAME = ".s3_cache_info"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request, as far as the cache of cosmos-xenna looks at it.

    Attributes:
        uri: as the stage has it; of a prefix, which ends in a slash, the beginning of all uris.
        destination: the file or the folder.
        is_prefix: whether it is a folder.
        tree: the folder that the object is unpacked into.
        names: the paths below a folder that other prefixes share; None for all of its files.
    """

    uri: str
    destination: str
    is_prefix: bool
    tree: str | None = None
    names: frozenset[str] | None = None

    @staticmethod
    def of(value: ObjectDownloadRequest | PrefixDownloadRequest, own_uri: str) -> Wanted:
        """The entry of a request."""
        if isinstance(value, PrefixDownloadRequest):
            return Wanted(own_uri, str(value.destination), is_prefix=True)
        tree = None if value.unpack_options is None else str(value.unpack_options.destination)
        return Wanted(own_uri, str(value.destination), is_prefix=False, tree=tree)


def wanted_by(
    requests: Iterable[tuple[DownloadRequest, str]], objects: Sequence[ObjectResult]
) -> list[Wanted]:
    """What the notes are about. Pure.

    Args:
        requests: each with its uri as the stage has it.
        objects: what came, from the report. It says which prefix a file of a shared folder is from:
            the manifest of the folder does not.
    """
    pairs = [
        (Wanted.of(request.value, own_uri), request.value.uri)
        for request, own_uri in requests
        if not isinstance(request.value, HubDownloadRequest)  # cosmos-xenna does not know it.
    ]
    folders = Counter(each.destination for each in {each for each, _ in pairs} if each.is_prefix)
    found = dict.fromkeys(
        replace(each, names=_names(uri, each.destination, objects))
        if each.is_prefix and folders[each.destination] > 1
        else each
        for each, uri in pairs
    )
    return list(found)


def _names(uri: str, folder: str, objects: Sequence[ObjectResult]) -> frozenset[str]:
    parsed = parse_uri(uri)
    prefix = uri if parsed is None else parsed.key
    named = [
        (each.key.removeprefix(prefix), each) for each in objects if each.key.startswith(prefix)
    ]
    return frozenset(name for name, each in named if each.destination == f"{folder}/{name}")


def write_cache_info(wanted: Sequence[Wanted]) -> int:
    """Writes the notes of all files that are here; returns how many.

    Runs on a node. A note that is right stays as it is.

    Raises:
        DestinationNotWritableError: a folder does not allow it.
        DestinationError: the disk failed.
    """
    count = 0
    for path, text in _notes(wanted):
        try:
            _write(path, text)
        except PermissionError as error:
            raise DestinationNotWritableError(
                "cosmos-xenna's note of a cached file cannot be written", path=str(path)
            ) from error
        except OSError as error:
            raise DestinationError(
                f"cosmos-xenna's note of a cached file cannot be written: {error.strerror}",
                path=str(path),
            ) from error
        count += 1
    return count


def _notes(wanted: Sequence[Wanted]) -> Iterator[tuple[Path, str]]:
    for each in wanted:
        place = Path(each.destination)
        if each.is_prefix:
            for path, record in read_manifest(place).items():
                name = path.relative_to(place).as_posix()
                if each.names is None or name in each.names:
                    yield Path(f"{path}{NAME}"), note(each.uri + name, record.size, _micros(record))
            continue
        found = read_record(place)
        if found is None:
            continue
        text = note(each.uri, found.size, _micros(found))
        yield Path(f"{place}{NAME}"), text
        if each.tree is not None:
            yield Path(each.tree, NAME), text


def note(uri: str, size: int, last_modified_micros: int) -> str:
    """A note as cosmos-xenna writes it.

    Example:
        >>> print(note("a.bin", 3, 1000000))
        {
          "uri": "a.bin",
          "size": 3,
          "last_modified_unix_micros": 1000000
        }
    """
    fields = {"uri": uri, "size": size, "last_modified_unix_micros": last_modified_micros}
    return json.dumps(fields, indent=2, ensure_ascii=False)


def _micros(record: Record) -> int:
    """The time in microseconds, with the rounding of cosmos-xenna, which goes by way of seconds."""
    seconds = (record.last_modified_ns or 0) // 1000 / 10**6
    return math.ceil(seconds * 1_000_000)


def _write(path: Path, text: str) -> None:
    if path.is_file() and path.read_text("utf-8") == text:
        return
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    beside.write_text(text, "utf-8")
    beside.replace(path)
