"""The conformance suite of origins: what each kind of store promises, as stories to run on a place.

A place is a store that a test may write to, with a finder and a reader for it. A test of an origin
is one function:

    @pytest.mark.parametrize("story", ORIGIN_STORIES, ids=story_name)
    def test_an_origin_keeps_its_promises(story: OriginStory, place: OriginPlace) -> None:
        story(place)

Stories use keys of their own, so that one store can serve all of them. A promise that a kind of
store cannot give is left out by `OriginTraits`.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from xfd_api.catalog import build_catalog
from xfd_api.chunks import Catalog, FoundObject
from xfd_api.errors import (
    AccessDeniedError,
    ChecksumMismatchError,
    InvalidRequestError,
    ObjectChangedError,
    ObjectNotFoundError,
    XfdError,
)
from xfd_api.lookups import DownloadPlan, plan_downloads
from xfd_api.ports import ObjectFinder
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.requests import ObjectDownloadRequest, PrefixDownloadRequest
from xfd_api.stores import ObjectStoreConfig

MIB = 2**20


class Reader(Protocol):
    """Fetches catalogs into a folder of its own."""

    def read(
        self, catalog: Catalog, stores: ObjectStoreConfigByProfile
    ) -> Mapping[str, bytes | None]:
        """Fetches a catalog with relative destinations.

        Returns:
            The content of each file by its relative path; None for a folder.

        Raises:
            XfdError: why an object did not land.
        """
        ...


class WritableStore(Protocol):
    """A store that stories write to."""

    def put(self, objects: Mapping[str, bytes]) -> None:
        """Writes objects by key, over those that are there; others stay as they are."""
        ...


@dataclass(frozen=True, slots=True)
class OriginTraits:
    """What a kind of store can promise.

    Attributes:
        lists: prefixes can be requested.
        markers: it has `dir/` objects.
        empty_objects: an object may have no bytes.
        pins: a GET is held to the version that was found, so an overwritten object is noticed. At a
            hub, the commit is pinned, and the older content is read.
        keys: unusual keys that it can have.
    """

    lists: bool = True
    markers: bool = True
    empty_objects: bool = True
    pins: bool = True
    keys: tuple[str, ...] = (
        "100%.bin",
        "a b/c d",
        "a%20b",
        "plus+plus",
        "quote'(1)!",
        "tilde~-_.",
        "über/日本語",
    )


@dataclass(frozen=True, slots=True)
class OriginPlace:
    """A store under test.

    Attributes:
        config: how to reach it.
        store: writes to it.
        finder: finds objects.
        reader: fetches them.
        prefix: what its uris begin with, before the key; empty for keys relative to the store.
        traits: what it can promise.
        denied: the same store with credentials that it refuses; None if it has none.
    """

    config: ObjectStoreConfig
    store: WritableStore
    finder: ObjectFinder
    reader: Reader
    prefix: str = ""
    traits: OriginTraits = OriginTraits()
    denied: ObjectStoreConfig | None = None

    def object(self, key: str, sha256: str | None = None) -> ObjectDownloadRequest:
        """A request for one object, which lands at its key."""
        return ObjectDownloadRequest(self.prefix + key, Path(key), sha256=sha256)

    def folder(
        self, prefix: str, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()
    ) -> PrefixDownloadRequest:
        """A request for a prefix, which lands in the folder `out`."""
        return PrefixDownloadRequest(
            self.prefix + prefix, Path("out"), include=include, exclude=exclude
        )

    def find(
        self, request: ObjectDownloadRequest | PrefixDownloadRequest
    ) -> tuple[DownloadPlan, list[FoundObject]]:
        """What the origin has for a request."""
        plan = plan_downloads([request], self.config)
        (found,) = self.finder.find_objects(plan.lookups, plan.stores)
        return plan, found

    def fetch(
        self,
        request: ObjectDownloadRequest | PrefixDownloadRequest,
        chunk_size_bytes: int | None = None,
    ) -> Mapping[str, bytes | None]:
        """Finds and fetches a request."""
        plan, found = self.find(request)
        catalog = build_catalog(plan.lookups, [found], chunk_size_bytes=chunk_size_bytes)
        return self.reader.read(catalog, plan.stores)


OriginStory = Callable[[OriginPlace], None]


def _objects_are_described(place: OriginPlace) -> None:
    place.store.put({"described/object": bytes(1000)})
    _, found = place.find(place.object("described/object"))
    _equal([item.size for item in found], [1000])
    _true(found[0].key.endswith("described/object"), f"the key is {found[0].key}")
    _true(
        found[0].etag is not None or found[0].last_modified_ns is not None,
        "another version of the object could not be told from this one",
    )
    _, again = place.find(place.object("described/object"))
    _equal(again, found)
    if place.traits.lists:
        _, listed = place.find(place.folder("described"))
        _equal([item.size for item in listed], [1000])


def _missing_objects_are_named(place: OriginPlace) -> None:
    place.store.put({"there": b"x"})
    with _raises(ObjectNotFoundError) as caught:
        place.find(place.object("gone/object"))
    _true("gone/object" in str(caught[0]), f"the error does not name the object: {caught[0]}")
    if place.traits.lists:
        _, found = place.find(place.folder("gone"))
        _equal(found, [])


def _bytes_arrive(place: OriginPlace) -> None:
    body = _pattern(3 * MIB + 17)
    place.store.put({"bytes/large": body, "bytes/small": b"few"})
    for chunk_size in (None, MIB, 700_001):
        read = place.fetch(place.object("bytes/large"), chunk_size)
        _true(read == {"bytes/large": body}, f"in chunks of {chunk_size} the bytes differ")
    _equal(place.fetch(place.object("bytes/small")), {"bytes/small": b"few"})


def _empty_objects_arrive(place: OriginPlace) -> None:
    if not place.traits.empty_objects:
        return
    place.store.put({"empty/object": b""})
    _equal(place.fetch(place.object("empty/object")), {"empty/object": b""})


def _prefixes_are_whole_segments(place: OriginPlace) -> None:
    keys = ("seg/tok/a", "seg/tok/b/c", "seg/tokenizer/d", "seg/tok.json", "seg/to")
    place.store.put({key: key.encode() for key in keys})
    if not place.traits.lists:
        with _raises(InvalidRequestError):
            place.find(place.folder("seg/tok"))
        return
    _equal(place.fetch(place.folder("seg/tok")), {"out/a": b"seg/tok/a", "out/b/c": b"seg/tok/b/c"})
    _equal(place.find(place.folder("seg/t"))[1], [])
    _equal(len(place.find(place.folder("seg/"))[1]), len(keys))


def _the_empty_prefix_is_everything(place: OriginPlace) -> None:
    if not place.traits.lists:
        return
    place.store.put({"top": b"x", "deep/er/key": b"y"})
    keys = {item.key for item in place.find(place.folder(""))[1]}
    _true({"top", "deep/er/key"} <= keys, f"these are listed: {sorted(keys)}")


def _lists_are_whole(place: OriginPlace) -> None:
    if not place.traits.lists:
        return
    bodies = {f"many/{number % 7}/{number:03}": str(number).encode() for number in range(120)}
    place.store.put(bodies)
    read = place.fetch(place.folder("many"))
    _equal(read, {f"out/{key.removeprefix('many/')}": body for key, body in bodies.items()})


def _markers_become_folders(place: OriginPlace) -> None:
    if not (place.traits.lists and place.traits.markers):
        return
    place.store.put({"marked/sub/": b"", "marked/file": b"x"})
    _equal(place.fetch(place.folder("marked")), {"out/file": b"x", "out/sub": None})


def _keys_may_be_unusual(place: OriginPlace) -> None:
    bodies = {f"odd/{key}": key.encode() for key in place.traits.keys}
    place.store.put(bodies)
    for key, body in bodies.items():
        # A uri is read as it is written, so this key is found by its own name.
        _equal(place.fetch(place.object(key)), {key: body})
    if place.traits.lists:
        read = place.fetch(place.folder("odd"))
        _equal(read, {f"out/{key}": key.encode() for key in place.traits.keys})


def _overwritten_objects_are_noticed(place: OriginPlace) -> None:
    place.store.put({"pinned/object": b"first words"})
    plan, before = place.find(place.object("pinned/object"))
    place.store.put({"pinned/object": b"second words, and more"})
    catalog = build_catalog(plan.lookups, [before])
    if not place.traits.pins:
        _equal(place.reader.read(catalog, plan.stores), {"pinned/object": b"first words"})
        return
    with _raises(ObjectChangedError):
        place.reader.read(catalog, plan.stores)
    _, after = place.find(place.object("pinned/object"))
    _true(after != before, "both versions look the same")


def _checksums_are_right(place: OriginPlace) -> None:
    body = _pattern(5000)
    place.store.put({"sum/object": body})
    _, (found,) = place.find(place.object("sum/object"))
    if found.checksum is None:
        return
    algorithm = found.checksum.algorithm
    known = {
        "sha256": hashlib.sha256(body).hexdigest(),
        "md5": hashlib.md5(body, usedforsecurity=False).hexdigest(),
        "git-sha1": hashlib.sha1(
            b"blob %d\0" % len(body) + body, usedforsecurity=False
        ).hexdigest(),
        "crc32": f"{zlib.crc32(body):08x}",
    }
    _equal(found.checksum.value, known.get(algorithm, found.checksum.value))
    place.fetch(place.object("sum/object"))


def _the_named_object_lands_and_no_other(place: OriginPlace) -> None:
    body = _pattern(2 * MIB)
    place.store.put({"named/object": body})
    right = place.object("named/object", sha256=hashlib.sha256(body).hexdigest())
    wrong = place.object("named/object", sha256="0" * 64)
    with _raises(ChecksumMismatchError):
        place.fetch(wrong, MIB)
    _true(place.fetch(right, MIB) == {"named/object": body}, "the bytes differ")


def _patterns_choose_keys(place: OriginPlace) -> None:
    if not place.traits.lists:
        return
    keys = ("pick/a.bin", "pick/a.txt", "pick/sub/b.bin", "pick/sub/c.md")
    place.store.put({key: key.encode() for key in keys})

    def chosen(include: tuple[str, ...], exclude: tuple[str, ...]) -> list[str]:
        read = place.fetch(place.folder("pick", include, exclude))
        return sorted(path.removeprefix("out/") for path, body in read.items() if body is not None)

    _equal(chosen(("*.bin",), ()), ["a.bin", "sub/b.bin"])
    _equal(chosen((), ("sub/",)), ["a.bin", "a.txt"])
    _equal(chosen(("sub/",), ("*.md",)), ["sub/b.bin"])
    with _raises(ObjectNotFoundError):
        chosen(("*.none",), ())


def _refused_credentials_are_named(place: OriginPlace) -> None:
    if place.denied is None:
        return
    place.store.put({"secret/object": b"x"})
    with _raises(AccessDeniedError):
        refused = replace(place, config=place.denied)
        refused.fetch(refused.object("secret/object"))


ORIGIN_STORIES: tuple[OriginStory, ...] = (
    _objects_are_described,
    _missing_objects_are_named,
    _bytes_arrive,
    _empty_objects_arrive,
    _prefixes_are_whole_segments,
    _the_empty_prefix_is_everything,
    _lists_are_whole,
    _markers_become_folders,
    _keys_may_be_unusual,
    _overwritten_objects_are_noticed,
    _checksums_are_right,
    _the_named_object_lands_and_no_other,
    _patterns_choose_keys,
    _refused_credentials_are_named,
)
"""Every promise of an origin. A story raises AssertionError if the place breaks it."""


def story_name(story: OriginStory) -> str:
    """The promise in words, for the name of a test."""
    return getattr(story, "__name__", str(story)).strip("_")


def _pattern(size: int) -> bytes:
    """Bytes that differ from place to place."""
    block = hashlib.sha256(b"xfd").digest()
    return b"".join(
        hashlib.sha256(block + number.to_bytes(8, "big")).digest()
        for number in range(size // 32 + 1)
    )[:size]


def _true(is_right: bool, what: str) -> None:
    if not is_right:
        raise AssertionError(what)


def _equal(found: object, expected: object) -> None:
    _true(found == expected, f"{found!r} instead of {expected!r}")


@contextmanager
def _raises(kind: type[XfdError]) -> Iterator[list[XfdError]]:
    caught: list[XfdError] = []
    try:
        yield caught
    except kind as error:
        caught.append(error)
    if not caught:
        raise AssertionError(f"no {kind.__name__} was raised")
