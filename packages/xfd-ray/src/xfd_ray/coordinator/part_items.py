"""Objects and chunks of a lease by their index, read from the columns of the catalog. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, ValuesView
from typing import Generic, TypeVar

from xfd_api.chunks import CatalogObject, Chunk
from xfd_api.ids import ChunkIndex, ObjectIndex
from xfd_ray.catalog_part import CatalogPart
from xfd_scheduler.state.bitset import cells_of, has, mask_of, positions

Index = TypeVar("Index", bound=int)
Item = TypeVar("Item")


class PartItems(Mapping[Index, Item], Generic[Index, Item]):
    """Some items of some parts, by index. Each reading makes the item anew.

    Args:
        parts: the first index of each part, its items, which have consecutive indexes, and those
            that are wanted, as a bit set of their places. A part may be there more than once.
        index: makes an index.
    """

    def __init__(
        self, parts: Iterable[tuple[int, Sequence[Item], int]], index: Callable[[int], Index]
    ) -> None:
        wanted: dict[int, tuple[Sequence[Item], int]] = {}
        for first, items, places in parts:
            _, before = wanted.get(first, (items, 0))
            wanted[first] = (items, before | places)
        self._index = index
        self._firsts = sorted(wanted)
        self._items = [wanted[first][0] for first in self._firsts]
        self._places = [wanted[first][1] for first in self._firsts]
        self._cells = [
            cells_of(places, len(items))
            for items, places in zip(self._items, self._places, strict=True)
        ]
        self._length = sum(places.bit_count() for places in self._places)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Index]:
        for first, items, places in zip(self._firsts, self._items, self._places, strict=True):
            chosen: Iterable[int] = range(len(items))
            if places.bit_count() < len(items):
                chosen = positions(places)
            for place in chosen:
                yield self._index(first + place)

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and self._find(index) is not None

    def __getitem__(self, index: Index) -> Item:
        found = self._find(index)
        if found is None:
            raise KeyError(index)
        part, place = found
        return self._items[part][place]

    def values(self) -> ValuesView[Item]:
        """All items, in the order of their indexes."""
        return _Values(self)

    def each(self) -> Iterator[Item]:
        """See `values`."""
        for items, places in zip(self._items, self._places, strict=True):
            if places.bit_count() == len(items):
                yield from items
            else:
                yield from (items[place] for place in positions(places))

    def _find(self, index: int) -> tuple[int, int] | None:
        part = bisect_right(self._firsts, index) - 1
        if part < 0:
            return None
        place = index - self._firsts[part]
        is_there = place < len(self._items[part]) and has(self._cells[part], place)
        return (part, place) if is_there else None


class _Values(ValuesView[Item]):
    """Reads the items in one pass."""

    _mapping: PartItems[ObjectIndex, Item]

    def __iter__(self) -> Iterator[Item]:
        return self._mapping.each()


def places_of(part: CatalogPart, objects: Sequence[ObjectIndex]) -> int:
    """The places of these objects in the part, as a bit set."""
    if len(objects) == len(part.catalog.objects):
        return (1 << len(objects)) - 1
    return mask_of(objects) >> part.catalog.first_object


def chunk_places_of(part: CatalogPart, objects: Sequence[ObjectIndex]) -> int:
    """The places of the chunks with bytes of these objects in the part, as a bit set."""
    catalog = part.catalog
    if len(objects) == len(catalog.objects):
        return (1 << len(catalog.chunks)) - 1
    chosen = set(objects)
    return mask_of(
        [
            place
            for place, chunk in enumerate(catalog.chunks)
            if any(span.object in chosen for span in chunk.spans)
        ]
    )


def objects_of(
    parts: Iterable[tuple[CatalogPart, Sequence[ObjectIndex]]],
) -> PartItems[ObjectIndex, CatalogObject]:
    """These objects of these parts."""
    return PartItems(
        (
            (part.catalog.first_object, part.catalog.objects, places_of(part, indexes))
            for part, indexes in parts
        ),
        ObjectIndex,
    )


def chunks_of(
    parts: Iterable[tuple[CatalogPart, Sequence[ObjectIndex]]],
) -> PartItems[ChunkIndex, Chunk]:
    """The chunks with bytes of these objects."""
    return PartItems(
        (
            (part.catalog.first_chunk, part.catalog.chunks, chunk_places_of(part, indexes))
            for part, indexes in parts
        ),
        ChunkIndex,
    )
