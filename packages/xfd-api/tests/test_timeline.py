"""The recorder of a timeline: bounded, evenly thinned, with places of nodes, chunks and objects."""

from __future__ import annotations

from collections import Counter

import pytest

from xfd_api import timeline_recorder
from xfd_api.errors import OriginThrottledError
from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId
from xfd_api.reports import ChunkHeld, OrderFailed
from xfd_api.timeline import FROM_ORIGIN, Timeline
from xfd_api.timeline_recorder import MAX_TRANSFERS, TimelineRecorder

A, B, PEER = NodeId("a"), NodeId("b"), NodeId("p")


def came(chunk: int, source: NodeId | None = None) -> ChunkHeld:
    return ChunkHeld(OrderId(chunk), ChunkIndex(chunk), 1, source, 100, 0.75, 0.5)


def timeline_of(recorder: TimelineRecorder, *nodes: NodeId, chunks: int = 8) -> Timeline:
    return recorder.timeline(
        dict.fromkeys(nodes, (10.0, None)),
        {ChunkIndex(4 + k): ObjectIndex(7 + k // 4) for k in range(chunks)},
        [ObjectIndex(7 + k) for k in range((chunks + 3) // 4)],
    )


def test_places_count_from_zero_whatever_the_swarm_numbers_them() -> None:
    recorder = TimelineRecorder(10.0)
    recorder.held(A, came(4), 60, 12.0)
    recorder.held(B, came(9, PEER), 100, 13.0)
    recorder.landed(B, ObjectIndex(8), 14.0)
    failure = OrderFailed(OrderId(1), ChunkIndex(5), None, OriginThrottledError("slow"), "origin")
    recorder.failed(A, failure, 11.0)
    timeline = timeline_of(recorder, A, B)
    assert timeline.nodes == (A, B, PEER)
    moved = timeline.transfers
    assert (moved.node, moved.chunk, moved.object) == ((0, 1), (0, 5), (0, 1))
    assert (moved.source, moved.bytes) == ((FROM_ORIGIN, 2), (60, 100))
    assert (moved.start_s, moved.seconds, moved.waited_s) == ((1.5, 2.5), (0.5, 0.5), (0.25, 0.25))
    landed, failed = timeline.landings, timeline.failures
    assert (landed.node, landed.object, landed.at_s) == ((1,), (1,), (4.0,))
    assert (failed.chunk, failed.source, failed.error) == ((1,), (-1,), ("OriginThrottledError",))
    assert (timeline.times.joined_s, timeline.times.done_s) == ((0.0, 0.0), (None, None))
    assert not timeline.is_thinned


@pytest.mark.parametrize("pattern", ["alternating", "node by node"])
def test_beyond_the_bound_every_node_and_source_keeps_its_share(
    pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes, chunks = [NodeId(f"n{k}") for k in range(16)], 400
    monkeypatch.setattr(timeline_recorder, "MAX_TRANSFERS", 1024)
    recorder = TimelineRecorder(0.0)
    moves = [(node, chunk) for chunk in range(chunks) for node in range(16)]
    if pattern == "node by node":
        moves.sort()
    for node, chunk in moves:
        own = chunk % 16 == node
        recorder.held(nodes[node], came(4 + chunk, None if own else nodes[chunk % 16]), 100, 1.0)
    moved = timeline_of(recorder, *nodes, chunks=chunks).transfers
    assert (moved.total, moved.every) == (16 * chunks, 8)
    assert 512 < len(moved.node) <= 1024
    expected = 16 * chunks / moved.every / 16
    assert all(abs(n - expected) < expected / 2 for n in Counter(moved.node).values())
    from_origin = sum(source == FROM_ORIGIN for source in moved.source)
    assert abs(from_origin * moved.every - chunks) < chunks / 2


def test_the_bound_is_what_one_page_can_draw() -> None:
    recorder = TimelineRecorder(0.0)
    for chunk in range(3 * MAX_TRANSFERS):
        recorder.held(A, came(4 + chunk), 100, 1.0)
    moved = timeline_of(recorder, A, chunks=3 * MAX_TRANSFERS).transfers
    assert MAX_TRANSFERS / 2 < len(moved.node) <= MAX_TRANSFERS
    assert moved.total == 3 * MAX_TRANSFERS


def test_a_lease_that_goes_on_elsewhere_takes_its_record_along() -> None:
    recorder = TimelineRecorder(10.0)
    recorder.held(A, came(20), 100, 12.0)
    recorder.held(A, came(21), 100, 12.0)
    recorder.landed(A, ObjectIndex(3), 12.0)
    again = recorder.renumbered({ChunkIndex(20): ChunkIndex(6)}, {ObjectIndex(3): ObjectIndex(8)})
    again.held(A, came(4), 100, 13.0)
    timeline = timeline_of(again, A)
    assert timeline.transfers.chunk == (2, 0)
    assert timeline.transfers.total == 3
    assert timeline.landings.object == (1,)
