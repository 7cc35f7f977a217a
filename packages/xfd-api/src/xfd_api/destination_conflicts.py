"""Refuses catalogs whose objects cannot all lie at their destinations. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence

from xfd_api.chunks import CatalogObject
from xfd_api.errors import DestinationConflictError
from xfd_api.key_filter import pattern_for

_OUR_FILES = re.compile(r"\.(.+?)\.xfd(?:\.new|-part|-journal|-lock|-tree.*)?", re.DOTALL)
"""Names of the data plane's own files beside a destination; the group is the destination's name."""

_INSIDE = frozenset({".xfd", ".xfd.new", ".xfd-lock"})
"""Names of a prefix's manifest and lock, if they lie inside its folder."""

_SHORTENED = re.compile(r"(.+)~[0-9a-f]{16}", re.DOTALL)
"""A name that was too long: its end is replaced by a checksum."""


Meet = Callable[[CatalogObject, CatalogObject], bool]
"""Whether some node gets both objects."""


def refuse_conflicts(objects: Sequence[CatalogObject], meet: Meet | None = None) -> None:
    """Checks that each destination has one object, and that no object lies inside another.

    Args:
        objects: all objects.
        meet: objects that meet on no node are not in each other's way; None if all nodes get all.

    Raises:
        DestinationConflictError: naming both objects.
    """
    for item in objects:
        _refuse_own_tree(item)
    owners = _Owners(meet)
    for item in objects:
        for place in _places(item):
            owners.add(place, item)
    for item in objects:
        for place in _places(item):
            for above in _folders_above(place):
                for holder in owners.at(above):
                    if not (holder.is_directory and above == holder.destination):
                        owners.refuse(above, holder, item)
    for item in objects:
        _refuse_place_of_records(item)
    for place in owners.places:
        neighbour = _file_that_owns(place)
        if neighbour is None:
            continue
        owners.refuse_all(place, neighbour)
        if shortened := _SHORTENED.fullmatch(neighbour):
            for long in owners.places:
                if len(long) > len(neighbour) and _is_name_after(shortened[1], long):
                    owners.refuse_all(place, long)


class _Owners:
    """The objects at each place; several, if no node gets two of them."""

    def __init__(self, meet: Meet | None) -> None:
        self._meet = meet
        self._first: dict[str, CatalogObject] = {}
        self._more: dict[str, list[CatalogObject]] = {}

    @property
    def places(self) -> Collection[str]:
        """All places that objects have."""
        return self._first.keys()

    def at(self, place: str) -> Sequence[CatalogObject]:
        """The objects at a place."""
        first = self._first.get(place)
        return () if first is None else (first, *self._more.get(place, ()))

    def add(self, place: str, item: CatalogObject) -> None:
        """Adds an object, unless it is in the way of another one."""
        if self._first.setdefault(place, item) is item:
            return
        for other in self.at(place):
            self.refuse(place, other, item)
        self._more.setdefault(place, []).append(item)

    def refuse(self, place: str, one: CatalogObject, two: CatalogObject) -> None:
        """Refuses two objects that some node gets."""
        if self._meet is None or self._meet(one, two):
            raise _conflict(place, one, two)

    def refuse_all(self, place: str, other: str) -> None:
        """Refuses the objects at one place with those at another one."""
        for one in self.at(other):
            for two in self.at(place):
                self.refuse(place, one, two)


def _refuse_own_tree(item: CatalogObject) -> None:
    tree = item.unpack
    if tree is not None and f"{item.destination}/".startswith(f"{tree.destination}/"):
        raise DestinationConflictError(
            "The archive lies in the folder to unpack into, which the unpacked tree replaces",
            object=item.found.key,
            path=tree.destination,
            remedy="Unpack into another folder",
        )


def _refuse_place_of_records(item: CatalogObject) -> None:
    folder, _, name = item.destination.rpartition("/")
    if name not in _INSIDE or folder != item.group:
        return
    pattern = _left_out_by(item)
    raise DestinationConflictError(
        f"{item.found.key!r} would land where the prefix's own records are kept",
        object=item.found.key,
        path=item.destination,
        remedy=None if pattern is None else f"Leave it out with the exclude pattern {pattern!r}",
    )


def _places(item: CatalogObject) -> Iterator[str]:
    yield item.destination
    if item.unpack is not None:
        yield item.unpack.destination


def _file_that_owns(place: str) -> str | None:
    """The destination beside which the data plane keeps a file of this name, if it does."""
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
    remedy = None
    if patterns := [pattern for item in (one, two) if (pattern := _left_out_by(item))]:
        remedy = f"Leave one out with the exclude pattern {' or '.join(map(repr, patterns))}"
    return DestinationConflictError(
        f"{one.found.key!r} and {two.found.key!r} cannot both land there",
        object=two.found.key,
        path=place,
        remedy=remedy,
    )


def _left_out_by(item: CatalogObject) -> str | None:
    """The pattern that leaves the object out; None for an object of no prefix."""
    if item.group is None:
        return None
    below = item.destination[len(item.group) + 1 :]
    return pattern_for(f"{below}/" if item.is_directory else below)
