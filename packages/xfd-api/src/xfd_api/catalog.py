"""Makes what an origin found into a catalog: keys selected and checked, objects cut and packed.

Pure, and the same for the same input. What a store says is checked here before anything is done
with it: names, sizes, and how many objects and chunks there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xfd_api.chunking import OBJECTS_AT_MOST, check_chunk_size, cut, refuse_too_many_chunks
from xfd_api.chunks import Catalog, CatalogObject, FoundObject
from xfd_api.destination_conflicts import refuse_conflicts
from xfd_api.errors import (
    InvalidRequestError,
    ObjectNotFoundError,
    OriginAnswerError,
    UnsafePathError,
    XfdError,
)
from xfd_api.identity import ObjectIdentity, object_identity
from xfd_api.ids import ObjectIndex
from xfd_api.key_filter import KeyFilter, pattern_for
from xfd_api.lookups import Lookup
from xfd_api.paths import NAME_AT_MOST_BYTES, checked_segments

SIZE_AT_MOST = 2**63 - 1
"""Of an object: the largest offset in a file."""


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
        InvalidRequestError: `chunk_size_bytes` is not between 1 byte and 100 MiB, or there are more
            than `CHUNKS_AT_MOST` chunks or `OBJECTS_AT_MOST` objects.
        ObjectNotFoundError: a lookup found nothing, or nothing that is wanted.
        OriginAnswerError: an object's size can be none.
        UnsafePathError: a key cannot be a path below its destination.
        XfdError: what the store says of a key that it can only list.
        DestinationConflictError: two objects want one place.
    """
    check_chunk_size(chunk_size_bytes)
    objects, excluded = _objects(lookups, found, first_object)
    refuse_conflicts(objects)
    refuse_too_many_chunks(objects, chunk_size_bytes, first_chunk=first_chunk)
    return Catalog(
        objects=objects,
        chunks=tuple(cut(objects, chunk_size_bytes, first_chunk)),
        first_object=first_object,
        first_chunk=first_chunk,
        excluded=excluded,
    )


def _objects(
    lookups: Sequence[Lookup], found: Sequence[Sequence[FoundObject]], first_object: int
) -> tuple[tuple[CatalogObject, ...], int]:
    """The objects, and how many were left out by `include` and `exclude`.

    The same object asked for twice is one; the sooner priority and the stricter cache win.
    """
    kept: dict[ObjectIdentity, CatalogObject] = {}
    excluded = 0
    for lookup, answers in zip(lookups, found, strict=True):
        taken = _selected(lookup, answers)
        excluded += len(answers) - len(taken)
        if len(kept) + len(taken) > OBJECTS_AT_MOST:
            raise _too_many_objects(lookup, len(kept) + len(taken))
        for answer in taken:
            item = _object(ObjectIndex(first_object + len(kept)), lookup, answer)
            identity = object_identity(item)
            before = kept.setdefault(identity, item)
            if before is not item:
                kept[identity] = _merged(before, item)
    return tuple(kept.values()), excluded


def _selected(lookup: Lookup, answers: Sequence[FoundObject]) -> Sequence[FoundObject]:
    if not answers:
        raise ObjectNotFoundError(
            "Nothing was found under the prefix" if lookup.is_prefix else "No such object",
            object=lookup.key,
        )
    if not lookup.include and not lookup.exclude:
        return answers
    accepts = KeyFilter(lookup.include, lookup.exclude).accepts
    taken = [answer for answer in answers if accepts(_below(lookup, answer))]
    if not taken:
        raise ObjectNotFoundError(
            f"None of the {len(answers)} objects under the prefix is left by include and exclude",
            object=lookup.key,
            remedy="Patterns are compared with the key below the prefix: correct them",
        )
    return taken


def _too_many_objects(lookup: Lookup, count: int) -> InvalidRequestError:
    return InvalidRequestError(
        f"The request has {count} objects, and {OBJECTS_AT_MOST} are the most",
        object=lookup.key,
        remedy="Ask for fewer at a time, by longer prefixes or with include and exclude",
    )


def _below(lookup: Lookup, answer: FoundObject) -> str:
    """An object's path below its prefix, a marker's slash included."""
    return answer.key[len(lookup.key) :].removeprefix("/") if lookup.key else answer.key


def _refused(answer: FoundObject, error: XfdError, below: str) -> XfdError:
    """What the store says of a key that it can only list, and how to leave it out."""
    remedy = f"Leave it out with the exclude pattern {pattern_for(below)!r}"
    return type(error)(error.what, **{**error.fields(), "object": answer.key, "remedy": remedy})


def _segments(key: str, below: str) -> tuple[str, ...]:
    """The path that a key of a prefix becomes.

    Raises:
        UnsafePathError: it can be none; says how to leave the key out.
    """
    remedy = f"Leave it out with the exclude pattern {pattern_for(below)!r}"
    try:
        segments = checked_segments(below.removesuffix("/"), what="key")
    except UnsafePathError as error:
        raise UnsafePathError(error.what, object=key, remedy=remedy) from None
    if any(
        len(segment.encode("utf-8", "surrogateescape")) > NAME_AT_MOST_BYTES for segment in segments
    ):
        raise UnsafePathError(
            f"A part of the key is longer than the {NAME_AT_MOST_BYTES} bytes of a file's name",
            object=key,
            remedy=remedy,
        )
    return segments


def _object(index: ObjectIndex, lookup: Lookup, answer: FoundObject) -> CatalogObject:
    destination = lookup.destination
    is_directory = False
    if not 0 <= answer.size <= SIZE_AT_MOST:
        raise OriginAnswerError(
            f"The store says that the object has {answer.size} bytes", object=answer.key
        )
    if lookup.is_prefix:
        below = _below(lookup, answer)
        if answer.refused is not None:
            raise _refused(answer, answer.refused, below)
        is_directory = below.endswith("/") or not below
        segments = _segments(answer.key, below)
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
