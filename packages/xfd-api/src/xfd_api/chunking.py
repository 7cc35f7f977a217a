"""Cuts objects into chunks and packs, and counts beforehand how many that makes. Pure.

The size of a chunk follows from the object's size and `chunk_size_bytes` alone, so a resumed run
cuts as the first one did. A store may claim any size, so chunks are counted by arithmetic before
any is made: a claim of 2**62 bytes costs no more than one of 1 byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xfd_api.chunks import CHUNK_CEILING_BYTES, MIB, CatalogObject, Chunk, Span
from xfd_api.errors import InvalidRequestError
from xfd_api.ids import ChunkIndex
from xfd_api.paths import is_in_hub_cache

CHUNK_FLOOR_BYTES = 4 * MIB
CHUNKS_PER_OBJECT = 256
FINE_FROM_CHUNKS = 64
FINE_SHARE = 16
FINER = 4
"""The last sixteenth of an object of 64 or more chunks is cut into chunks of a quarter."""

PACKED_BELOW_BYTES = 2 * MIB
PACK_BYTES = 4 * MIB
OBJECTS_PER_PACK = 512

BLOBS_APART = 256
"""Most small blobs of a hub cache that are chunks of their own, and not packed. A pack with one
missing object is read whole, and revisions of a repository share its blobs one by one."""

CHUNKS_AT_MOST = 1_000_000
"""Most chunks of one swarm at a time: 95 TiB in chunks of 100 MiB. Every node, and the scheduler,
keeps some hundred bytes per chunk in memory."""

OBJECTS_AT_MOST = 4_000_000
"""Most objects of one catalog; an object takes about 1 KB in every process with the catalog."""

INDEXES = 2**32
"""Indexes of a swarm are not reused while it grows, and the data plane keeps 32 bits of each."""

_NAMED = 3
"""Objects that an error about too many chunks names: those with the most."""


def check_chunk_size(chunk_size_bytes: int | None) -> None:
    """Refuses a size that no chunk can have.

    Raises:
        InvalidRequestError: it is not between 1 byte and 100 MiB.
    """
    if chunk_size_bytes is not None and not 0 < chunk_size_bytes <= CHUNK_CEILING_BYTES:
        raise InvalidRequestError(
            f"chunk_size_bytes is {chunk_size_bytes}",
            remedy=f"Use 1 to {CHUNK_CEILING_BYTES} bytes, or None",
        )


def chosen_chunk_size(object_size: int) -> int:
    """The size of an object's chunks in bytes, if none is given; for its end see `chunk_ranges`.

    With about 256 chunks an object, the last chunk takes less than half a percent of the time.
    Below 4 MiB a request's overhead outweighs its bytes, and 100 MiB is the specification's
    ceiling. Powers of two align with most multipart parts.
    """
    size = CHUNK_FLOOR_BYTES
    while size * CHUNKS_PER_OBJECT < object_size and size < CHUNK_CEILING_BYTES:
        size *= 2
    return min(size, CHUNK_CEILING_BYTES)


def chunk_ranges(object_size: int, chunk_size_bytes: int | None) -> Iterator[tuple[int, int]]:
    """Offset and length of each chunk of an object, in bytes; an empty object has one chunk.

    At the end of a transfer the links idle for up to one chunk's time. So the end of a large object
    is cut more finely, unless the caller gives a size.
    """
    limit, fine, fine_from = _shape(object_size, chunk_size_bytes)
    for offset in range(0, max(fine_from, 1), limit):
        yield offset, min(limit, object_size - offset)
    for offset in range(fine_from, object_size, fine):
        yield offset, min(fine, object_size - offset)


def chunk_count(object_size: int, chunk_size_bytes: int | None) -> int:
    """How many ranges `chunk_ranges` gives, without making them."""
    limit, fine, fine_from = _shape(object_size, chunk_size_bytes)
    return _ceiling(max(fine_from, 1), limit) + _ceiling(object_size - fine_from, fine)


def cut(
    objects: Sequence[CatalogObject], chunk_size_bytes: int | None = None, first_chunk: int = 0
) -> Iterator[Chunk]:
    """Chunks of the objects, in the objects' order; objects that share a pack are neighbours.

    Only objects of one priority, group and store share a pack: it is needed at one time and read in
    one way. An archive to unpack is not packed, because its chunks are unpacked in order.
    """
    index = first_chunk
    for pack in _packs(objects, chunk_size_bytes):
        if len(pack) > 1:
            spans = tuple(Span(item.index, 0, item.found.size) for item in pack)
            size = sum(span.length for span in spans)
            yield Chunk(ChunkIndex(index), spans, size, pack[0].priority)
            index += 1
            continue
        (item,) = pack
        for offset, length in chunk_ranges(item.found.size, chunk_size_bytes):
            span = Span(object=item.index, offset=offset, length=length)
            yield Chunk(ChunkIndex(index), (span,), length, item.priority)
            index += 1


def refuse_too_many_chunks(
    objects: Sequence[CatalogObject],
    chunk_size_bytes: int | None = None,
    *,
    first_chunk: int = 0,
    beside: int = 0,
) -> None:
    """Counts the chunks that `cut` would make, before it makes them.

    Args:
        objects: the objects to cut.
        chunk_size_bytes: see `chunk_ranges`.
        first_chunk: index of the first chunk.
        beside: chunks that the swarm has already.

    Raises:
        InvalidRequestError: all chunks together are more than `CHUNKS_AT_MOST`. It names the
            objects with the most chunks, and a size that works, if there is one.
    """
    count = _count(objects, chunk_size_bytes)
    if count + beside > CHUNKS_AT_MOST:
        raise _too_many(objects, chunk_size_bytes, count, beside)
    if first_chunk + count > INDEXES:
        raise InvalidRequestError(
            f"The swarm has had {first_chunk} chunks, and cannot count {count} more",
            remedy="Let the distributions that run end first",
        )


def _shape(object_size: int, chunk_size_bytes: int | None) -> tuple[int, int, int]:
    """Size of most chunks, size of the chunks at the end, and the offset of the end."""
    limit = chunk_size_bytes or chosen_chunk_size(object_size)
    if chunk_size_bytes is None and object_size >= FINE_FROM_CHUNKS * limit:
        fine_from = (object_size - object_size // FINE_SHARE) // limit * limit
        return limit, limit // FINER, fine_from
    return limit, limit, object_size


def _packs(
    objects: Sequence[CatalogObject], chunk_size_bytes: int | None
) -> Iterator[list[CatalogObject]]:
    """Groups of objects that share a chunk; an object with chunks of its own is a group of one."""
    blobs = sum(_is_small(item) and is_in_hub_cache(item.destination) for item in objects)
    pack: list[CatalogObject] = []
    pack_bytes = 0
    for item in objects:
        if item.is_directory:
            continue
        size = item.found.size
        limit = chunk_size_bytes or chosen_chunk_size(size)
        packable = _is_small(item) and size < limit and item.unpack is None
        if blobs <= BLOBS_APART and is_in_hub_cache(item.destination):
            packable = False
        if pack and (
            not packable
            or not _share_a_pack(pack[0], item)
            or pack_bytes + size > min(PACK_BYTES, chunk_size_bytes or PACK_BYTES)
            or len(pack) == OBJECTS_PER_PACK
        ):
            yield pack
            pack, pack_bytes = [], 0
        if packable:
            pack.append(item)
            pack_bytes += size
        else:
            yield [item]
    if pack:
        yield pack


def _is_small(item: CatalogObject) -> bool:
    return item.found.size < PACKED_BELOW_BYTES


def _share_a_pack(one: CatalogObject, two: CatalogObject) -> bool:
    return (one.priority, one.group, one.profile_name, one.bucket) == (
        two.priority,
        two.group,
        two.profile_name,
        two.bucket,
    )


def _count(objects: Sequence[CatalogObject], chunk_size_bytes: int | None) -> int:
    return sum(
        1 if len(pack) > 1 else chunk_count(pack[0].found.size, chunk_size_bytes)
        for pack in _packs(objects, chunk_size_bytes)
    )


def _too_many(
    objects: Sequence[CatalogObject], chunk_size_bytes: int | None, count: int, beside: int
) -> InvalidRequestError:
    largest = sorted(objects, key=lambda item: item.size, reverse=True)[:_NAMED]
    named = ", ".join(
        f"{item.found.key!r} of {item.size} bytes "
        f"({chunk_count(item.size, chunk_size_bytes)} chunks)"
        for item in largest
    )
    others = f" and {len(objects) - len(largest)} more objects" if len(objects) > _NAMED else ""
    running = f" beside the {beside} that are being distributed" if beside else ""
    by_size = f" with chunk_size_bytes={chunk_size_bytes}" if chunk_size_bytes is not None else ""
    return InvalidRequestError(
        f"The request makes {count} chunks{by_size}{running}, and the limit is {CHUNKS_AT_MOST}: "
        f"{named}{others}",
        object=largest[0].found.key,
        remedy=_size_that_would_do(objects, chunk_size_bytes, CHUNKS_AT_MOST - beside),
    )


def _size_that_would_do(
    objects: Sequence[CatalogObject], chunk_size_bytes: int | None, room: int
) -> str:
    if _count(objects, None) <= room and chunk_size_bytes is not None:
        least = _ceiling(sum(item.size for item in objects), max(room - len(objects), 1))
        if least <= CHUNK_CEILING_BYTES and _count(objects, least) <= room:
            return f"Use a chunk_size_bytes of {least} or more, or None"
        return "Leave chunk_size_bytes at None"
    if _count(objects, CHUNK_CEILING_BYTES) <= room:
        return f"Use a chunk_size_bytes of {CHUNK_CEILING_BYTES}"
    return "Check the sizes that the store lists, or request fewer objects at a time"


def _ceiling(size: int, part: int) -> int:
    return -(-size // part)
