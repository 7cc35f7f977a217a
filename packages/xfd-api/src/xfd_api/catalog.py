"""Builds a catalog from what origins found: filters and checks keys, cuts and packs objects. Pure.

Everything that a store lists is checked here before it is used: names, sizes, and the numbers of
objects and chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from xfd_api.chunking import OBJECTS_AT_MOST, check_chunk_size, cut, refuse_too_many_chunks
from xfd_api.chunks import Catalog, CatalogObject, Checksum, FoundObject
from xfd_api.destination_conflicts import Meet, refuse_conflicts
from xfd_api.errors import (
    InvalidRequestError,
    ObjectNotFoundError,
    OriginAnswerError,
    PinMismatchError,
    UnsafePathError,
    XfdError,
)
from xfd_api.hub_files import HubSnapshot
from xfd_api.hub_snapshots import blob_destination, snapshots_of
from xfd_api.identity import ObjectIdentity, object_identity
from xfd_api.ids import ObjectIndex
from xfd_api.key_filter import KeyFilter, pattern_for
from xfd_api.lookups import Lookup
from xfd_api.node_selector import NodeSelector, may_meet
from xfd_api.paths import NAME_AT_MOST_BYTES, checked_segments, is_in_hub_cache

SIZE_AT_MOST = 2**63 - 1
"""Largest size of an object: the largest offset in a file."""


def build_catalog(
    lookups: Sequence[Lookup],
    found: Sequence[Sequence[FoundObject]],
    *,
    chunk_size_bytes: int | None = None,
    first_object: int = 0,
    first_chunk: int = 0,
) -> Catalog:
    """The catalog of the objects that the lookups found.

    Args:
        lookups: the lookups.
        found: the objects that each lookup found.
        chunk_size_bytes: size of all chunks except an object's last; None chooses it per object.
        first_object: index of the first object, if the catalog continues another one.
        first_chunk: index of the first chunk, if the catalog continues another one.

    Raises:
        InvalidRequestError: `chunk_size_bytes` is not between 1 byte and 100 MiB, or there are more
            than `CHUNKS_AT_MOST` chunks or `OBJECTS_AT_MOST` objects.
        ObjectNotFoundError: a lookup found nothing, or `include` and `exclude` leave nothing.
        OriginAnswerError: an object's size is impossible.
        UnsafePathError: a key cannot be a path below its destination.
        PinMismatchError: the store has another content than a request pins.
        XfdError: why a listed name can be no object (`FoundObject.refused`).
        DestinationConflictError: two objects have the same destination.
    """
    catalog, _ = catalog_for_nodes(
        lookups,
        found,
        chunk_size_bytes=chunk_size_bytes,
        first_object=first_object,
        first_chunk=first_chunk,
    )
    return catalog


Selectors = frozenset[NodeSelector]
SelectorsOf = Mapping[ObjectIndex, Selectors]
"""The nodes that get each object: those that one of the selectors selects."""


def catalog_for_nodes(
    lookups: Sequence[Lookup],
    found: Sequence[Sequence[FoundObject]],
    *,
    chunk_size_bytes: int | None = None,
    first_object: int = 0,
    first_chunk: int = 0,
    meet: Callable[[NodeSelector, NodeSelector], bool] = may_meet,
) -> tuple[Catalog, SelectorsOf]:
    """The catalog of `build_catalog`, and which nodes get its objects.

    Objects that meet on no node may have one destination.

    Args:
        lookups: see `build_catalog`, as for all but the last.
        found: what they found.
        chunk_size_bytes: size of chunks.
        first_object: index of the first object.
        first_chunk: index of the first chunk.
        meet: whether a node may be selected by both.

    Returns:
        The selectors are empty if no lookup selects nodes: then each node gets all.

    Raises:
        XfdError: see `build_catalog`.
    """
    check_chunk_size(chunk_size_bytes)
    taken = [_selected(lookup, answers) for lookup, answers in zip(lookups, found, strict=True)]
    objects, selectors = _objects(lookups, taken, first_object)
    excluded = sum(map(len, found)) - sum(map(len, taken))
    snapshots = snapshots_of(lookups, taken)
    refuse_conflicts(objects, _meeting(selectors, meet) if selectors else None)
    refuse_too_many_chunks(objects, chunk_size_bytes, first_chunk=first_chunk)
    catalog = Catalog(
        objects=objects,
        chunks=tuple(cut(objects, chunk_size_bytes, first_chunk)),
        first_object=first_object,
        first_chunk=first_chunk,
        excluded=excluded,
        snapshots=snapshots,
    )
    return catalog, selectors


def snapshots_for(
    lookups: Sequence[Lookup], found: Sequence[Sequence[FoundObject]]
) -> tuple[HubSnapshot, ...]:
    """The snapshots of some lookups of a catalog; see `snapshots_of`."""
    return snapshots_of(
        lookups,
        [_selected(lookup, answers) for lookup, answers in zip(lookups, found, strict=True)],
    )


def _meeting(selectors: SelectorsOf, meet: Callable[[NodeSelector, NodeSelector], bool]) -> Meet:
    def objects_meet(one: CatalogObject, two: CatalogObject) -> bool:
        return any(meet(s, t) for s in selectors[one.index] for t in selectors[two.index])

    return objects_meet


def _objects(
    lookups: Sequence[Lookup], taken: Sequence[Sequence[FoundObject]], first_object: int
) -> tuple[tuple[CatalogObject, ...], SelectorsOf]:
    """The objects of what was found and not left out, and which nodes get them.

    An object that is requested twice is one object, with the sooner priority and `cache=False` if
    either request has that. It is for the nodes of both.
    """
    kept: dict[ObjectIdentity, CatalogObject] = {}
    selectors: dict[ObjectIndex, Selectors] = {}
    unions: dict[tuple[Selectors, Selectors], Selectors] = {}
    is_for_some = any(lookup.nodes is not None for lookup in lookups)
    for lookup, answers in zip(lookups, taken, strict=True):
        if len(kept) + len(answers) > OBJECTS_AT_MOST:
            raise _too_many_objects(lookup, len(kept) + len(answers))
        mine = frozenset((lookup.nodes or NodeSelector(),))
        for answer in answers:
            item = _object(ObjectIndex(first_object + len(kept)), lookup, answer)
            identity = object_identity(item)
            before = kept.setdefault(identity, item)
            if before is not item:
                kept[identity] = _merged(before, item)
            if is_for_some:
                others = selectors.setdefault(before.index, mine)
                if others is not mine:
                    union = unions.setdefault((others, mine), others | mine)
                    selectors[before.index] = union
    return tuple(kept.values()), selectors


def _selected(lookup: Lookup, answers: Sequence[FoundObject]) -> Sequence[FoundObject]:
    if not answers:
        raise ObjectNotFoundError(
            "Nothing was found under the prefix" if lookup.is_prefix else "No such object",
            object=lookup.named,
        )
    if not lookup.include and not lookup.exclude:
        return answers
    accepts = KeyFilter(lookup.include, lookup.exclude).accepts
    taken = [answer for answer in answers if accepts(_below(lookup, answer))]
    if not taken:
        raise ObjectNotFoundError(
            f"None of the {len(answers)} objects under the prefix is left by include and exclude",
            object=lookup.named,
            remedy="Patterns are compared with the key below the prefix: correct them",
        )
    return taken


def _too_many_objects(lookup: Lookup, count: int) -> InvalidRequestError:
    return InvalidRequestError(
        f"The request has {count} objects, and the limit is {OBJECTS_AT_MOST}",
        object=lookup.named,
        remedy="Request fewer at a time, by longer prefixes or with include and exclude",
    )


def _below(lookup: Lookup, answer: FoundObject) -> str:
    """An object's path below its prefix, a marker's slash included."""
    return answer.key[len(lookup.key) :].removeprefix("/") if lookup.key else answer.key


def _refused(answer: FoundObject, error: XfdError, below: str) -> XfdError:
    """The error of a listed name that can be no object, with the pattern that leaves it out."""
    remedy = f"Leave it out with the exclude pattern {pattern_for(below)!r}"
    return type(error)(error.what, **{**error.fields(), "object": answer.key, "remedy": remedy})


def _segments(key: str, below: str) -> tuple[str, ...]:
    """The path that a key of a prefix becomes.

    Raises:
        UnsafePathError: it cannot be a path; the remedy says how to leave the key out.
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
            f"The store lists the object with {answer.size} bytes", object=answer.key
        )
    if lookup.is_prefix:
        below = _below(lookup, answer)
        if answer.refused is not None:
            raise _refused(answer, answer.refused, below)
        is_directory = below.endswith("/") or not below
        segments = _segments(answer.key, below)
        destination = "/".join((destination, *segments))
    group = lookup.destination if lookup.is_prefix else None
    if is_in_hub_cache(lookup.destination):
        destination, group = blob_destination(lookup.destination, answer), None
    return CatalogObject(
        index=index,
        profile_name=lookup.profile_name,
        bucket=lookup.bucket,
        found=answer if answer.hub_file is None else replace(answer, hub_file=None),
        destination=destination,
        group=group,
        is_directory=is_directory,
        cache=lookup.cache,
        unpack=lookup.unpack,
        priority=lookup.priority,
        pin=_pin(lookup, answer),
    )


def _pin(lookup: Lookup, answer: FoundObject) -> Checksum | None:
    """What the object is verified against: the request's checksum, else the name of a hub's blob.

    Raises:
        PinMismatchError: the store has another content than the request pins.
        InvalidRequestError: the request pins a blob of the hub cache by another checksum than the
            one that is its name.
    """
    named, pinned = answer.checksum if answer.hub_file is not None else None, lookup.pin
    if pinned is None:
        return named
    kept = answer.checksum
    if kept is not None and kept.algorithm == pinned.algorithm and kept != pinned:
        raise PinMismatchError(
            f"The store has an object whose {pinned.algorithm} is {kept.value}, and the request "
            f"gives {pinned.value}",
            object=answer.key,
        )
    if named is not None and named != pinned and is_in_hub_cache(lookup.destination):
        raise InvalidRequestError(
            f"The hub cache names this file by its {named.algorithm}, and the request gives a "
            f"{pinned.algorithm}",
            object=answer.key,
            remedy="Drop the checksum, or give a destination outside the hub cache",
        )
    return pinned


def _merged(one: CatalogObject, two: CatalogObject) -> CatalogObject:
    return replace(
        one,
        group=one.group if one.group == two.group else None,
        cache=one.cache and two.cache,
        priority=min(one.priority, two.priority),
        pin=_stricter(one, two),
    )


def _stricter(one: CatalogObject, two: CatalogObject) -> Checksum | None:
    if None not in (one.pin, two.pin) and one.pin != two.pin:
        raise InvalidRequestError(
            "Two requests give different checksums for the object",
            object=two.found.key,
            remedy="Give one of them",
        )
    return one.pin or two.pin
