"""Cuts what an origin found into a catalog: names checked, large objects cut, small ones packed.

Pure, and the same for the same input: a resumed run cuts as the first one did, because the size of
a chunk follows from the object's size and `chunk_size_bytes` alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from xfd_api.chunks import (
    CHUNK_CEILING_BYTES,
    MIB,
    Catalog,
    CatalogObject,
    Chunk,
    FoundObject,
    Span,
)
from xfd_api.errors import DestinationConflictError, InvalidRequestError, ObjectNotFoundError
from xfd_api.ids import ChunkIndex, ObjectIndex
from xfd_api.lookups import Lookup
from xfd_api.paths import checked_segments

CHUNK_FLOOR_BYTES = 4 * MIB
CHUNKS_PER_OBJECT = 256
FINE_FROM_CHUNKS = 64
FINE_SHARE = 16
FINER = 4
"""The last sixteenth of an object of 64 chunks or more is cut four times as finely."""

PACKED_BELOW_BYTES = 2 * MIB
PACK_BYTES = 4 * MIB
OBJECTS_PER_PACK = 512
CHUNKS_AT_MOST = 1_000_000
"""Of one catalog: what every node and the scheduler keep in memory for each chunk adds up."""

_OUR_FILES = re.compile(r"\.(.+?)\.xfd(?:\.new|-part|-journal|-lock|-tree.*)?", re.DOTALL)
"""Names of the data plane's own files beside a destination, whose name is the group."""

_SHORTENED = re.compile(r"(.+)~[0-9a-f]{16}", re.DOTALL)
"""How that name ends where it would be too long: a checksum instead of what follows the group."""


def chosen_chunk_size(object_size: int) -> int:
    """The size that an object's chunks get when none is asked for, in bytes; for its end, see
    `chunk_ranges`.

    About 256 chunks an object keep the last chunk's share of the time below half a percent; below
    4 MiB a request costs more than it moves, and 100 MiB is the specification's ceiling. Powers of
    two below the ceiling, so that chunks align with multipart parts more often than not.
    """
    size = CHUNK_FLOOR_BYTES
    while size * CHUNKS_PER_OBJECT < object_size and size < CHUNK_CEILING_BYTES:
        size *= 2
    return min(size, CHUNK_CEILING_BYTES)


def chunk_ranges(object_size: int, chunk_size_bytes: int | None) -> Iterator[tuple[int, int]]:
    """Offset and length of each chunk that an object is cut into; an empty one has one, too.

    What is under way last ends one after the other, while the links run empty: a chunk's time with
    one size for all. So where the size is chosen, the end of a large object is cut more finely.
    """
    limit = chunk_size_bytes or chosen_chunk_size(object_size)
    fine = limit
    fine_from = object_size
    if chunk_size_bytes is None and object_size >= FINE_FROM_CHUNKS * limit:
        fine = limit // FINER
        fine_from = (object_size - object_size // FINE_SHARE) // limit * limit
    for offset in range(0, max(fine_from, 1), limit):
        yield offset, min(limit, object_size - offset)
    for offset in range(fine_from, object_size, fine):
        yield offset, min(fine, object_size - offset)


def build_catalog(
    lookups: Sequence[Lookup],
    found: Sequence[Sequence[FoundObject]],
    *,
    chunk_size_bytes: int | None = None,
    first_object: int = 0,
    first_chunk: int = 0,
) -> Catalog:
    """The catalog of what the lookups found.

    Args:
        lookups: the questions.
        found: the answers, one sequence per lookup.
        chunk_size_bytes: the size of every chunk but an object's last; None chooses by object.
        first_object: index of the first object, where the catalog grows another one.
        first_chunk: index of the first chunk, likewise.

    Raises:
        InvalidRequestError: `chunk_size_bytes` is not between 1 and 100 MiB, or would make more
            than `CHUNKS_AT_MOST` chunks.
        ObjectNotFoundError: a lookup found nothing.
        UnsafePathError: a key cannot be a path below its destination.
        DestinationConflictError: two objects want one place.
    """
    if chunk_size_bytes is not None and not 0 < chunk_size_bytes <= CHUNK_CEILING_BYTES:
        raise InvalidRequestError(
            f"chunk_size_bytes is {chunk_size_bytes}",
            remedy=f"Use 1 to {CHUNK_CEILING_BYTES} bytes, or None",
        )
    objects = _objects(lookups, found, first_object)
    refuse_conflicts(objects)
    if chunk_size_bytes is not None:
        _refuse_crumbs(objects, chunk_size_bytes)
    return Catalog(
        objects=objects,
        chunks=tuple(cut(objects, chunk_size_bytes, first_chunk)),
        first_object=first_object,
        first_chunk=first_chunk,
    )


def cut(
    objects: Sequence[CatalogObject], chunk_size_bytes: int | None = None, first_chunk: int = 0
) -> Iterator[Chunk]:
    """Chunks of the objects, in the objects' order; objects that share a pack stay neighbours.

    Only objects of one priority, group and store share a pack, so that a pack is needed at one
    time and read in one way. An archive that is unpacked is never packed: its chunks come in order.
    """
    index = first_chunk
    pack: list[CatalogObject] = []
    pack_bytes = 0
    for item in objects:
        if item.is_directory:
            continue
        size = item.found.size
        limit = chunk_size_bytes or chosen_chunk_size(size)
        packable = size < min(PACKED_BELOW_BYTES, limit) and item.unpack is None
        if pack and (
            not packable
            or not _share_a_pack(pack[0], item)
            or pack_bytes + size > min(PACK_BYTES, chunk_size_bytes or PACK_BYTES)
            or len(pack) == OBJECTS_PER_PACK
        ):
            yield _pack_of(index, pack, pack_bytes)
            index, pack, pack_bytes = index + 1, [], 0
        if packable:
            pack.append(item)
            pack_bytes += size
            continue
        for offset, length in chunk_ranges(size, chunk_size_bytes):
            span = Span(object=item.index, offset=offset, length=length)
            yield Chunk(ChunkIndex(index), (span,), length, item.priority)
            index += 1
    if pack:
        yield _pack_of(index, pack, pack_bytes)


def refuse_conflicts(objects: Sequence[CatalogObject]) -> None:
    """Each place belongs to one object, no file is a folder of another, no tree holds another.

    Raises:
        DestinationConflictError: naming both objects.
    """
    owner: dict[str, CatalogObject] = {}
    for item in objects:
        tree = item.unpack
        if tree is not None and f"{item.destination}/".startswith(f"{tree.destination}/"):
            raise DestinationConflictError(
                "The archive lies where it is to be unpacked, and the tree replaces what is there",
                object=item.found.key,
                path=tree.destination,
                remedy="Unpack into another folder",
            )
        for place in _places(item):
            if (other := owner.setdefault(place, item)) is not item:
                raise _conflict(place, other, item)
    for item in objects:
        for place in _places(item):
            for above in _folders_above(place):
                holder = owner.get(above)
                if holder is None or (holder.is_directory and above == holder.destination):
                    continue
                raise _conflict(above, holder, item)
    for place, item in owner.items():
        neighbour = _file_that_owns(place)
        if neighbour is None:
            continue
        if neighbour in owner:
            raise _conflict(place, owner[neighbour], item)
        if shortened := _SHORTENED.fullmatch(neighbour):
            for long in owner:
                if len(long) > len(neighbour) and _is_name_after(shortened[1], long):
                    raise _conflict(place, owner[long], item)


def _refuse_crumbs(objects: Sequence[CatalogObject], chunk_size_bytes: int) -> None:
    total = sum(item.found.size for item in objects)
    if total // chunk_size_bytes > CHUNKS_AT_MOST:
        raise InvalidRequestError(
            f"chunk_size_bytes is {chunk_size_bytes}, which cuts {total} bytes into more than "
            f"{CHUNKS_AT_MOST} chunks",
            remedy=f"Use {-(-total // CHUNKS_AT_MOST)} bytes or more, or None",
        )


def _places(item: CatalogObject) -> Iterator[str]:
    yield item.destination
    if item.unpack is not None:
        yield item.unpack.destination


def _file_that_owns(place: str) -> str | None:
    """The file or folder beside which the data plane keeps a file of this name, if it is one."""
    folder, slash, name = place.rpartition("/")
    ours = _OUR_FILES.fullmatch(name) if name.startswith(".") else None
    return f"{folder}{slash}{ours[1]}" if ours else None


def _is_name_after(beginning: str, place: str) -> bool:
    return place.startswith(beginning) and "/" not in place[len(beginning) :]


def _folders_above(place: str) -> Iterator[str]:
    end = place.rfind("/")
    while end > 0:
        yield place[:end]
        end = place.rfind("/", 0, end)


def _conflict(place: str, one: CatalogObject, two: CatalogObject) -> DestinationConflictError:
    return DestinationConflictError(
        f"{one.found.key!r} and {two.found.key!r} cannot both land there",
        object=two.found.key,
        path=place,
    )


def _objects(
    lookups: Sequence[Lookup], found: Sequence[Sequence[FoundObject]], first_object: int
) -> tuple[CatalogObject, ...]:
    """The same object asked for twice is one; the sooner priority and the stricter cache win."""
    kept: dict[tuple[object, ...], CatalogObject] = {}
    for lookup, answers in zip(lookups, found, strict=True):
        if not answers:
            raise ObjectNotFoundError(
                "Nothing was found under the prefix" if lookup.is_prefix else "No such object",
                object=lookup.key,
            )
        for answer in answers:
            item = _object(ObjectIndex(first_object + len(kept)), lookup, answer)
            identity = (item.profile_name, item.bucket, answer.key, item.destination, item.unpack)
            before = kept.setdefault(identity, item)
            if before is not item:
                kept[identity] = _merged(before, item)
    return tuple(kept.values())


def _object(index: ObjectIndex, lookup: Lookup, answer: FoundObject) -> CatalogObject:
    destination = lookup.destination
    is_directory = False
    if lookup.is_prefix:
        below = answer.key[len(lookup.key) :].removeprefix("/") if lookup.key else answer.key
        is_directory = below.endswith("/") or not below
        segments = checked_segments(below.removesuffix("/"), what="key")
        destination = "/".join((destination, *segments))
    return CatalogObject(
        index=index,
        profile_name=lookup.profile_name,
        bucket=lookup.bucket,
        found=answer,
        destination=destination,
        group=lookup.destination if lookup.is_prefix else None,
        is_directory=is_directory,
        cache=lookup.cache,
        unpack=lookup.unpack,
        priority=lookup.priority,
    )


def _merged(one: CatalogObject, two: CatalogObject) -> CatalogObject:
    return replace(
        one,
        group=one.group if one.group == two.group else None,
        cache=one.cache and two.cache,
        priority=min(one.priority, two.priority),
    )


def _share_a_pack(one: CatalogObject, two: CatalogObject) -> bool:
    return (one.priority, one.group, one.profile_name, one.bucket) == (
        two.priority,
        two.group,
        two.profile_name,
        two.bucket,
    )


def _pack_of(index: int, pack: Sequence[CatalogObject], size: int) -> Chunk:
    spans = tuple(Span(item.index, 0, item.found.size) for item in pack)
    return Chunk(ChunkIndex(index), spans, size, pack[0].priority)
