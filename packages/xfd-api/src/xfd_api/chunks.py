"""The catalog of a swarm: its objects, and the chunks they are cut into.

A chunk is the unit of every decision: it leaves the origin once, has one checksum, and is held or
not held. It is a byte range of one object, or a *pack*: several whole small objects, in the order
of the chunk's spans.

A catalog can grow while its swarm lives. A later `Catalog` continues the indexes of the earlier one
(`first_object`, `first_chunk`). A catalog is pickled as columns, and stays so at its receiver: ten
thousand dataclasses cost a node more than a look at that many files, and ten times the memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from xfd_api.errors import XfdError
from xfd_api.hub_files import HubFile, HubSnapshot
from xfd_api.ids import ChunkIndex, ObjectIndex
from xfd_api.requests import Links, UnpackMethod
from xfd_api.rows import as_rows

MIB = 2**20
CHUNK_CEILING_BYTES = 100 * MIB

ChecksumAlgorithm = Literal["crc64nvme", "crc32c", "crc32", "sha256", "md5", "git-sha1"]


@dataclass(frozen=True, slots=True)
class Checksum:
    """A checksum of a whole object; `value` is lower-case hexadecimal.

    `git-sha1` is the name of a blob in git: the SHA-1 of `blob SIZE`, a zero byte, and the content.
    """

    algorithm: ChecksumAlgorithm
    value: str


@dataclass(frozen=True, slots=True)
class FoundObject:
    """An object as its origin describes it.

    Attributes:
        key: its full key in its bucket, directory or server.
        size: in bytes.
        etag: as the store gave it, including quotes; None if it gave none.
        last_modified_ns: nanoseconds since the epoch; None if the store does not say.
        checksum: of the whole object, if the store keeps one.
        refused: why the listed name can be no object, for example a name that is not UTF-8, or a
            dangling link. It is raised unless the name is left out.
        location: where the origin serves it, if not at its key; `COMMIT/PATH` at a hub. Two finds
            of the same object may have different ones.
        hub_file: what the hub says of it beside this. A catalog has it in its snapshots instead.
    """

    key: str
    size: int
    etag: str | None = None
    last_modified_ns: int | None = None
    checksum: Checksum | None = None
    refused: XfdError | None = None
    location: str | None = field(default=None, compare=False)
    hub_file: HubFile | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unpack:
    """How a fetched archive is unpacked; `method` is never `Auto` here."""

    destination: str
    method: UnpackMethod
    keep_archive: bool
    links: Links = Links.Safe
    conda_unpack: bool = False


@dataclass(frozen=True, slots=True)
class CatalogObject:
    """One object of a swarm.

    Attributes:
        index: its place in the catalog.
        profile_name: the profile with the store and credentials that read it.
        bucket: the bucket that the uri names; None for the store's own.
        found: the origin's description; every GET is pinned to it.
        destination: the file that it becomes, absolute, below the node's root, or in its hub cache
            (see `xfd_api.paths.HUB_CACHE`).
        group: the destination folder of the prefix that it came with, which has one manifest; None
            for an object that was requested by its own uri.
        is_directory: a `dir/` marker, which becomes an empty folder and has no chunk.
        cache: False fetches it again even if a valid file lies at the destination.
        unpack: how to unpack it, if it is an archive to unpack.
        priority: a smaller one is needed sooner.
        pin: a checksum of the whole object that is always verified before it lands: of the request,
            or the name of a hub's blob.
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
    pin: Checksum | None = None

    @property
    def size(self) -> int:
        """Bytes to fetch. A marker has none, even if its key has content at the store."""
        return 0 if self.is_directory else self.found.size

    @property
    def left_out(self) -> tuple[str, ...]:
        """The key of a marker with content, which no folder can hold."""
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


@dataclass(frozen=True)  # With slots nothing could refer to it weakly.
class Catalog:
    """Objects and chunks with consecutive indexes. Empty objects have a chunk of size 0.

    Attributes:
        objects, chunks: tuples, or `Rows` if the catalog has come from another process.
        excluded: objects that were found and left out by `include` and `exclude`.
        snapshots: links to make in the node's hub cache, once their blobs are there. The blobs may
            be objects of an earlier part of a growing catalog.
    """

    objects: Sequence[CatalogObject]
    chunks: Sequence[Chunk]
    first_object: int = 0
    first_chunk: int = 0
    excluded: int = 0
    snapshots: tuple[HubSnapshot, ...] = ()

    @property
    def total_bytes(self) -> int:
        """Bytes of all objects, each counted once."""
        return sum(chunk.size for chunk in self.chunks)

    def as_columns(self) -> Catalog:
        """The same with objects and chunks as `Rows`, which take a sixth of the memory."""
        return replace(self, objects=as_rows(self.objects), chunks=as_rows(self.chunks))

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        columns = self.as_columns()
        rest = (self.first_object, self.first_chunk, self.excluded, self.snapshots)
        return Catalog, (columns.objects, columns.chunks, *rest)
