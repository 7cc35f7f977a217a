"""Dataclasses as columns: a sequence whose items are made when they are read. Pure.

An object of a catalog takes 0.7 kB as dataclasses, since each string and each number is an object
of Python. As columns it takes its characters and some numbers, a sixth of that. Rows are pickled as
their columns, so a process that receives them makes nothing that it does not read.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from itertools import chain, repeat
from operator import attrgetter
from typing import Any, TypeVar, overload

Row = TypeVar("Row")


class Rows(Sequence[Row]):
    """Instances of one dataclass, whose fields are all arguments of its constructor.

    Equal to a tuple of the same instances. Each reading makes new ones.

    Args:
        items: the instances.

    Example:
        >>> from xfd_api.chunks import Span
        >>> spans = Rows([Span(0, 0, 5), Span(1, 0, 7)])
        >>> spans[1], len(spans)
        (Span(object=1, offset=0, length=7), 2)
    """

    __slots__ = ("_columns", "_kind", "_length")

    def __init__(self, items: Sequence[Row]) -> None:
        kind: Any = type(items[0]) if items else None
        self._kind = kind
        self._length = len(items)
        self._columns: tuple[Sequence[Any], ...] = ()
        if items:
            names = [each.name for each in fields(kind)]
            values = zip(*map(attrgetter(*names), items), strict=True)
            self._columns = tuple(map(_column, values))

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Row]:
        return map(self._kind, *self._columns) if self._length else iter(())

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Row]: ...

    def __getitem__(self, place: int | slice) -> Row | Sequence[Row]:
        if isinstance(place, slice):
            columns = [column[place] for column in self._columns]
            return tuple(map(self._kind, *columns)) if columns else ()
        place = range(self._length)[place]
        row: Row = self._kind(*(column[place] for column in self._columns))
        return row

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (tuple, Rows)):
            return NotImplemented
        return len(self) == len(other) and all(map(_are_equal, self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return _rows, (self._kind, self._length, self._columns)


def as_rows(items: Sequence[Row]) -> Rows[Row]:
    """The items as columns, unless they are already."""
    return items if isinstance(items, Rows) else Rows(items)


def _rows(kind: type, length: int, columns: tuple[Sequence[Any], ...]) -> Rows[Any]:
    rows: Rows[Any] = Rows.__new__(Rows)
    rows._kind, rows._length, rows._columns = kind, length, columns
    return rows


def _are_equal(one: object, two: object) -> bool:
    return one == two


def _column(values: tuple[Any, ...]) -> Sequence[Any]:
    """The smallest of the columns that can keep these values; at least one."""
    first = values[0]
    kinds = set(map(type, values))
    kind = kinds.pop()
    if kinds:
        return values
    if kind is tuple:
        items = list(chain.from_iterable(values))
        if len(set(map(type, items))) == 1 and is_dataclass(items[0]):
            return _Slices(Rows(items), _ends(values))
    if all(value is first for value in values):
        return _Same(first, len(values))
    if kind is int:
        return _numbers(values)
    if kind is str:
        if values.count(first) == len(values):
            return _Same(first, len(values))
        return _Slices("".join(values), _ends(values))
    return Rows(values) if is_dataclass(kind) else values


def _numbers(values: tuple[int, ...]) -> Sequence[int]:
    first, least, most = values[0], min(values), max(values)
    counted = range(first, first + len(values))
    if most == counted[-1] and values == tuple(counted):
        return counted
    if least >= 0 and most < 2**64:
        return array("I" if most < 2**32 else "Q", values)
    return array("q", values) if least >= -(2**63) and most < 2**63 else values


def _ends(parts: Sequence[Sequence[Any]]) -> array[int]:
    """Where each part ends, if they follow each other."""
    ends, end = array("Q"), 0
    for part in parts:
        end += len(part)
        ends.append(end)
    return array("I", ends) if end < 2**32 else ends


class _Same(Sequence[Any]):
    """One value, so many times."""

    __slots__ = ("_length", "_value")

    def __init__(self, value: Any, length: int) -> None:
        self._value = value
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        return repeat(self._value, self._length)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return (self._value,) * len(range(*place.indices(self._length)))
        return self._value

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return _Same, (self._value, self._length)


class _Slices(Sequence[Any]):
    """Parts of a text, or of other rows, that follow each other."""

    __slots__ = ("_ends", "_whole")

    def __init__(self, whole: Any, ends: array[int]) -> None:
        self._whole = whole
        self._ends = ends

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[Any]:
        whole, start = self._whole, 0
        for end in self._ends:
            yield whole[start:end]
            start = end

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return tuple(self[k] for k in range(*place.indices(len(self._ends))))
        return self._whole[self._ends[place - 1] if place else 0 : self._ends[place]]

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return _Slices, (self._whole, self._ends)
