"""Encodes reports and orders for the way between a node and its scheduler.

A thousand nodes report a hundred thousand chunks a second to one process, and pickling a dataclass
costs that process more than deciding about it. So `ChunkHeld` events travel as columns, and become
objects only when they are read. `Fetch` orders travel as plain tuples.

Columns are in the machine's byte order, which is the same on x86-64 and aarch64.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, overload

from xfd_api.ids import ChunkIndex, NodeId, OrderId
from xfd_api.orders import Fetch, Order
from xfd_api.reports import ChunkHeld, NodeEvent

_held_fields = attrgetter("order", "chunk", "crc", "source", "size", "seconds", "transfer_seconds")
_fetch_fields = attrgetter("first_order", "first_chunk", "count", "source", "priority")
_TYPES = "QIQHQdd"
_NO_ROWS: tuple[tuple[Any, ...], ...] = ((),) * 7


class EventColumns(Sequence[NodeEvent]):
    """The events of a report, in order; the `ChunkHeld` among them as columns.

    Attributes:
        orders, chunks, crcs, sizes, seconds, transfer_seconds: of the k-th `ChunkHeld`.
        sources: the different sources; `source_of` has the index of the k-th one's.
        others: all other events, each with its place.
    """

    __slots__ = (
        "chunks",
        "crcs",
        "orders",
        "others",
        "seconds",
        "sizes",
        "source_of",
        "sources",
        "transfer_seconds",
    )

    def __init__(self, events: Iterable[NodeEvent]) -> None:
        held: list[NodeEvent] = []
        others: list[tuple[int, NodeEvent]] = []
        for place, event in enumerate(events):
            if type(event) is ChunkHeld:
                held.append(event)
            else:
                others.append((place, event))
        rows = zip(*map(_held_fields, held), strict=True) if held else iter(_NO_ROWS)
        orders, chunks, crcs, sources, sizes, seconds, transfer_seconds = rows
        self.sources: tuple[NodeId | None, ...] = tuple(dict.fromkeys(sources))
        index = {source: place for place, source in enumerate(self.sources)}
        self.orders = array("Q", orders)
        self.chunks = array("I", chunks)
        self.crcs = array("Q", crcs)
        self.source_of = array("H", [index[source] for source in sources])
        self.sizes = array("Q", sizes)
        self.seconds = array("d", seconds)
        self.transfer_seconds = array("d", transfer_seconds)
        self.others: tuple[tuple[int, NodeEvent], ...] = tuple(others)

    def held(self, row: int) -> ChunkHeld:
        """The `row`-th `ChunkHeld`."""
        return ChunkHeld(
            OrderId(self.orders[row]),
            ChunkIndex(self.chunks[row]),
            self.crcs[row],
            self.sources[self.source_of[row]],
            self.sizes[row],
            self.seconds[row],
            self.transfer_seconds[row],
        )

    def without(self, rows: int) -> list[NodeEvent]:
        """All events in order, without those `ChunkHeld` whose row is in the bit set `rows`."""
        found: list[NodeEvent] = []
        others = iter(self.others)
        other = next(others, None)
        place = 0
        for row in range(len(self.chunks)):
            while other is not None and other[0] == place:
                found.append(other[1])
                other = next(others, None)
                place += 1
            if not rows >> row & 1:
                found.append(self.held(row))
            place += 1
        if other is not None:
            found.append(other[1])
            found.extend(event for _, event in others)
        return found

    def __len__(self) -> int:
        return len(self.chunks) + len(self.others)

    def __iter__(self) -> Iterator[NodeEvent]:
        return iter(self.without(0))

    @overload
    def __getitem__(self, place: int) -> NodeEvent: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[NodeEvent]: ...

    def __getitem__(self, place: int | slice) -> NodeEvent | Sequence[NodeEvent]:
        return self.without(0)[place]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (tuple, EventColumns)):
            return NotImplemented
        return tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        columns = (
            self.orders,
            self.chunks,
            self.crcs,
            self.source_of,
            self.sizes,
            self.seconds,
            self.transfer_seconds,
        )
        return _unpacked, (*(column.tobytes() for column in columns), self.sources, self.others)


def _unpacked(*state: Any) -> EventColumns:
    events = EventColumns.__new__(EventColumns)
    (
        events.orders,
        events.chunks,
        events.crcs,
        events.source_of,
        events.sizes,
        events.seconds,
        events.transfer_seconds,
    ) = map(array, _TYPES, state[:7])
    events.sources, events.others = state[7:]
    return events


def event_columns(events: Sequence[NodeEvent]) -> EventColumns:
    """The events as columns, unless they are already."""
    return events if type(events) is EventColumns else EventColumns(events)


def encode_orders(orders: Iterable[Order]) -> list[Any]:
    """Orders in a form that pickles quickly: each `Fetch` as its fields, the others as they are."""
    return [_fetch_fields(order) if type(order) is Fetch else order for order in orders]


def decode_orders(encoded: Iterable[Any]) -> tuple[Order, ...]:
    """The inverse of `encode_orders`."""
    return tuple(Fetch(*each) if type(each) is tuple else each for each in encoded)
