"""The catalog of a swarm: its objects, and the chunks they are cut into.

A chunk is the unit of every decision: it leaves the origin once, has one checksum, and is held or
not held. It is either a byte range of one object or a *pack* of several whole small objects, whose
bytes follow each other in the order of its spans.

A catalog can grow while its swarm lives: a later `Catalog` carries on counting where the one
before it stopped (`first_object`, `first_chunk`). It travels to every node as columns: reading some
ten thousand dataclasses out of a pickle costs a node more than looking for that many files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from operator import attrgetter
from typing import Any, Literal

from xfd_api.errors import XfdError
from xfd_api.ids import ChunkIndex, ObjectIndex
from xfd_api.requests import Links, UnpackMethod

MIB = 2**20
CHUNK_CEILING_BYTES = 100 * MIB

ChecksumAlgorithm = Literal["crc64nvme", "crc32c", "crc32", "sha256", "md5"]


@dataclass(frozen=True, slots=True)
class Checksum:
    """A checksum over a whole object, as its store gives it; `value` is lower-case hexadecimal."""

    algorithm: ChecksumAlgorithm
    value: str


@dataclass(frozen=True, slots=True)
class FoundObject:
    """What an origin says of one object.

    Attributes:
        key: its whole key in its bucket, directory or server.
        size: in bytes.
        etag: as the store gave it, quotes included; None where there is none.
        last_modified_ns: since the epoch; None where the store does not tell.
        checksum: over the whole object, where the store keeps one.
        refused: why it can be no object, although its store lists it: a name that is not UTF-8, a
            link that leads nowhere. An error, unless it is left out.
    """

    key: str
    size: int
    etag: str | None = None
    last_modified_ns: int | None = None
    checksum: Checksum | None = None
    refused: XfdError | None = None


@dataclass(frozen=True, slots=True)
class Unpack:
    """How a fetched archive is unpacked; `method` is never `Auto` here."""

    destination: str
    method: UnpackMethod
    keep_archive: bool
    links: Links = Links.Safe


@dataclass(frozen=True, slots=True)
class CatalogObject:
    """One object of a swarm.

    Attributes:
        index: its place in the catalog.
        profile_name: whose store and credentials read it.
        bucket: where the uri named one; None for the store's own.
        found: what the origin said of it, and what every GET is pinned to.
        destination: the file it becomes, absolute or below the node's root.
        group: the folder of the prefix it came with, which has one manifest beside it; None for an
            object asked for by itself.
        is_directory: a `dir/` marker, which becomes an empty folder and has no chunk.
        cache: False fetches it whatever lies at the destination.
        unpack: set where it is an archive to be unpacked.
        priority: smaller is needed sooner.
    """

    index: ObjectIndex
    profile_name: str | None
    bucket: str | None
    found: FoundObject
    destination: str
    group: str | None = None
    is_directory: bool = False
    cache: bool = True
    unpack: Unpack | None = None
    priority: int = 0

    @property
    def size(self) -> int:
        """Bytes to fetch: a marker has none, whatever content its key has at the store."""
        return 0 if self.is_directory else self.found.size

    @property
    def left_out(self) -> tuple[str, ...]:
        """The key of a marker that has content, which no folder can hold."""
        return (self.found.key,) if self.is_directory and self.found.size else ()


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `offset` to `offset + length` of one object."""

    object: ObjectIndex
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """One byte range, or a pack of whole objects; `size` is the sum of its spans' lengths."""

    index: ChunkIndex
    spans: tuple[Span, ...]
    size: int
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Catalog:
    """Objects and chunks with consecutive indexes. Empty objects have a chunk of size 0.

    Attributes:
        excluded: objects that were found and left out by `include` and `exclude`.
    """

    objects: tuple[CatalogObject, ...]
    chunks: tuple[Chunk, ...]
    first_object: int = 0
    first_chunk: int = 0
    excluded: int = 0

    @property
    def total_bytes(self) -> int:
        """Bytes of all objects, each counted once."""
        return sum(chunk.size for chunk in self.chunks)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        objects = _columns(CatalogObject, self.objects)
        found = _columns(FoundObject, objects.pop("found", ()))
        spans = _columns(Span, [span for chunk in self.chunks for span in chunk.spans])
        chunks = [
            (chunk.index, len(chunk.spans), chunk.size, chunk.priority) for chunk in self.chunks
        ]
        counts = (self.first_object, self.first_chunk, self.excluded)
        return _catalog, (objects, found, spans, chunks, *counts)


_Columns = dict[str, tuple[Any, ...]]
"""A dataclass's fields, and what each of some instances has there. Empty where there is none."""


def _columns(kind: type, items: Sequence[object]) -> _Columns:
    names = [field.name for field in fields(kind)]
    columns = zip(*map(attrgetter(*names), items), strict=True)
    return dict(zip(names, columns, strict=bool(items)))


def _rows(kind: type, columns: _Columns) -> Iterator[Any]:
    return map(kind, *(columns.get(field.name, ()) for field in fields(kind)))


def _catalog(
    objects: _Columns,
    found: _Columns,
    spans: _Columns,
    chunks: Iterable[tuple[ChunkIndex, int, int, int]],
    first_object: int,
    first_chunk: int,
    excluded: int,
) -> Catalog:
    objects["found"] = tuple(_rows(FoundObject, found))
    all_spans = _rows(Span, spans)
    return Catalog(
        objects=tuple(_rows(CatalogObject, objects)),
        chunks=tuple(
            Chunk(index, tuple(islice(all_spans, count)), size, priority)
            for index, count, size, priority in chunks
        ),
        first_object=first_object,
        first_chunk=first_chunk,
        excluded=excluded,
    )
