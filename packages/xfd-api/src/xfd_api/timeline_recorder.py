"""Records a `Timeline` while a distribution runs. Pure.

The number of events is bounded. Beyond the bound, the recorder keeps every second of them, then
every fourth, and so on. A hash of node and chunk chooses which: a choice by order of arrival would
keep one node and drop another, if their reports alternate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex
from xfd_api.reports import ChunkHeld, OrderFailed
from xfd_api.timeline import FROM_ORIGIN, Failures, Landings, NodeTimes, Timeline, Transfers

MAX_TRANSFERS = 16_384
"""Transfers that are kept. They are about 0.6 MB on the way to the driver, and as many slices as a
page or a trace viewer draws at once."""

MAX_LANDINGS = 8_192
MAX_FAILURES = 1_024

_MIX_CHUNK, _MIX_NODE = 0x9E3779B1, 0x85EBCA77
"""Odd factors of a multiplicative hash (Knuth, The Art of Computer Programming 3, 6.4)."""
_HASHES = 2**32
_DIGITS = 4


class _Sample:
    """At most `limit` rows, of which each starts with its hash."""

    __slots__ = ("below", "every", "limit", "rows", "total")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.total = 0
        self.every = 1
        self.below = _HASHES
        self.rows: list[tuple[Any, ...]] = []

    def add(self, row: tuple[Any, ...]) -> None:
        self.rows.append(row)
        if len(self.rows) > self.limit:
            self.every *= 2
            self.below //= 2
            self.rows = [kept for kept in self.rows if kept[0] < self.below]


class TimelineRecorder:
    """Records one call.

    Attributes:
        began: when the call began, by the clock of the times that it is given.
    """

    def __init__(self, began: float) -> None:
        self.began = began
        self._number: dict[NodeId, int] = {}
        self._transfers = _Sample(MAX_TRANSFERS)
        self._landings = _Sample(MAX_LANDINGS)
        self._failures = _Sample(MAX_FAILURES)

    def held(self, node: NodeId, event: ChunkHeld, size: int, now: float) -> None:
        """A node received a chunk, `size` bytes of which count."""
        sample = self._transfers
        sample.total += 1
        mixed = self._mixed(node, event.chunk)
        if mixed < sample.below:
            sample.add((mixed, now, node, event, size))

    def landed(self, node: NodeId, index: ObjectIndex, now: float) -> None:
        """An object is whole on a node."""
        sample = self._landings
        sample.total += 1
        mixed = self._mixed(node, index)
        if mixed < sample.below:
            sample.add((mixed, now, node, index))

    def failed(self, node: NodeId, event: OrderFailed, now: float) -> None:
        """An order failed on a node."""
        sample = self._failures
        sample.total += 1
        mixed = self._mixed(node, event.chunk + sample.total)
        if mixed < sample.below:
            kind = type(event.error).__name__
            sample.add((mixed, now, node, event.chunk, event.source, kind))

    def timeline(
        self,
        nodes: Mapping[NodeId, tuple[float, float | None]],
        chunks: Mapping[ChunkIndex, ObjectIndex],
        objects: Sequence[ObjectIndex],
    ) -> Timeline:
        """What was recorded.

        Args:
            nodes: when each node of the report joined, and when it was done; in its order.
            chunks: the call's chunks, each with its first object.
            objects: the call's objects, in the order of the report.
        """
        place: dict[NodeId, int] = {node: k for k, node in enumerate(nodes)}
        chunk_place = {index: k for k, index in enumerate(sorted(chunks))}
        object_place = {index: k for k, index in enumerate(objects)}

        def source_of(peer: NodeId | None) -> int:
            return FROM_ORIGIN if peer is None else place.setdefault(peer, len(place))

        def since(at: float) -> float:
            return round(max(0.0, at - self.began), _DIGITS)

        transfers = _columns(
            Transfers,
            self._transfers,
            lambda _, now, node, event, size: (
                place[node],
                chunk_place[event.chunk],
                object_place[chunks[event.chunk]],
                source_of(event.source),
                since(now - event.transfer_seconds),
                round(event.transfer_seconds, _DIGITS),
                round(max(0.0, event.seconds - event.transfer_seconds), _DIGITS),
                size,
            ),
        )
        landings = _columns(
            Landings,
            self._landings,
            lambda _, now, node, index: (place[node], object_place[index], since(now)),
        )
        failures = _columns(
            Failures,
            self._failures,
            lambda _, now, node, chunk, source, error: (
                place[node],
                chunk_place[chunk],
                source_of(source),
                since(now),
                error,
            ),
        )
        return Timeline(
            nodes=tuple(place),
            chunks=len(chunk_place),
            times=NodeTimes(
                tuple(since(joined) for joined, _ in nodes.values()),
                tuple(None if done is None else since(done) for _, done in nodes.values()),
            ),
            transfers=Transfers(**transfers),
            landings=Landings(**landings),
            failures=Failures(**failures),
        )

    def renumbered(
        self,
        chunks: Mapping[ChunkIndex, ChunkIndex],
        objects: Mapping[ObjectIndex, ObjectIndex],
    ) -> TimelineRecorder:
        """The same record under new indexes; what has none is left out."""
        again = TimelineRecorder(self.began)
        for mine, theirs in (
            (self._transfers, again._transfers),
            (self._landings, again._landings),
            (self._failures, again._failures),
        ):
            theirs.total, theirs.every, theirs.below = mine.total, mine.every, mine.below
        again._number = dict(self._number)
        again._transfers.rows = [
            (mixed, now, node, _of_chunk(event, chunks[event.chunk]), size)
            for mixed, now, node, event, size in self._transfers.rows
            if event.chunk in chunks
        ]
        again._landings.rows = [
            (mixed, now, node, objects[index])
            for mixed, now, node, index in self._landings.rows
            if index in objects
        ]
        again._failures.rows = [
            (mixed, now, node, chunks[chunk], source, kind)
            for mixed, now, node, chunk, source, kind in self._failures.rows
            if chunk in chunks
        ]
        return again

    def _mixed(self, node: NodeId, index: int) -> int:
        number = self._number.get(node)
        if number is None:
            number = self._number[node] = len(self._number)
        return (index * _MIX_CHUNK + number * _MIX_NODE) % _HASHES


def _of_chunk(event: ChunkHeld, chunk: ChunkIndex) -> ChunkHeld:
    return ChunkHeld(
        event.order,
        chunk,
        event.crc,
        event.source,
        event.size,
        event.seconds,
        event.transfer_seconds,
    )


def _columns(kind: type, sample: _Sample, values: Callable[..., tuple[Any, ...]]) -> dict[str, Any]:
    """The columns of a sample under the names of the first fields of a kind, and its counts."""
    columns = zip(*(values(*row) for row in sample.rows), strict=True)
    names = [field.name for field in fields(kind)]
    return {**dict(zip(names, columns, strict=False)), "total": sample.total, "every": sample.every}
