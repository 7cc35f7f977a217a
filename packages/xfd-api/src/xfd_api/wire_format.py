"""Encodes reports and orders for the way between a node and its scheduler.

A thousand nodes report a hundred thousand chunks a second to one process, and pickling a dataclass
costs that process more than deciding about it. So events for chunks and objects travel as columns,
and become objects only when they are read. `Fetch` orders travel as plain tuples.

Columns are in the machine's byte order, which is the same on x86-64 and aarch64.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, overload

from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId
from xfd_api.orders import Fetch, Order
from xfd_api.reports import ChunkHeld, NodeEvent, ObjectLanded

_held_fields = attrgetter("order", "chunk", "crc", "source", "size", "seconds", "transfer_seconds")
_fetch_fields = attrgetter("first_order", "first_chunk", "count", "source", "priority")
_TYPES = "QIQHQddI"
_NO_ROWS: tuple[tuple[Any, ...], ...] = ((),) * 7
_HELD, _LANDED, _OTHER = range(3)


class EventColumns(Sequence[NodeEvent]):
    """The events of a report, in order; the usual ones among them as columns.

    Attributes:
        orders, chunks, crcs, sizes, seconds, transfer_seconds: of the k-th `ChunkHeld`.
        sources: the different sources; `source_of` has the index of the k-th one's.
        landed: objects of the `ObjectLanded` that left nothing out.
        others: all other events.
        kinds: for each event, which of these it is.
    """

    __slots__ = (
        "chunks",
        "crcs",
        "kinds",
        "landed",
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
        landed: list[int] = []
        others: list[NodeEvent] = []
        kinds = bytearray()
        for event in events:
            if type(event) is ChunkHeld:
                held.append(event)
                kinds.append(_HELD)
            elif type(event) is ObjectLanded and not event.left_out_count:
                landed.append(event.object)
                kinds.append(_LANDED)
            else:
                others.append(event)
                kinds.append(_OTHER)
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
        self.landed = array("I", landed)
        self.others: tuple[NodeEvent, ...] = tuple(others)
        self.kinds = bytes(kinds)

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
        held = iter(range(len(self.chunks)))
        landed, others = iter(self.landed), iter(self.others)
        for kind in self.kinds:
            if kind == _OTHER:
                found.append(next(others))
            elif kind == _LANDED:
                found.append(ObjectLanded(ObjectIndex(next(landed))))
            elif not rows >> (row := next(held)) & 1:
                found.append(self.held(row))
        return found

    def __len__(self) -> int:
        return len(self.kinds)

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
            self.landed,
        )
        rest = (self.sources, self.others, self.kinds)
        return _unpacked, (*(column.tobytes() for column in columns), *rest)


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
        events.landed,
    ) = map(array, _TYPES, state[:8])
    events.sources, events.others, events.kinds = state[8:]
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
