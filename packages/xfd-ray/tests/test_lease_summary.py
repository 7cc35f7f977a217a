"""The progress of a lease: phases, rates and time left, who is slow, and why nothing comes."""

from __future__ import annotations

import pickle

import pytest

from xfd_api.errors import DiskFullError, NodeLostError, OriginThrottledError
from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId
from xfd_api.node_report import NodeReport, Stall
from xfd_api.progress import MOST_STALLS, MOST_STANDINGS, Progress
from xfd_api.reports import (
    ChunkHeld,
    HeldRun,
    Inventory,
    NodeCounters,
    NodeEvent,
    ObjectLanded,
    OrderFailed,
)
from xfd_api.testing import by_index, catalog_of
from xfd_ray.coordinator.lease_progress import LeaseProgress
from xfd_ray.coordinator.lease_summary import summary_of
from xfd_ray.coordinator.node_activity import SwarmActivity

MIB = 2**20
BIG = ObjectIndex(0)
CHUNKS = 4
THROTTLED = "The origin answered with status 503 SlowDown"


class Story:
    """A lease on one object of 4 MiB, with nodes `n0`, `n1` ... on the hosts `host-0` ..."""

    def __init__(self, nodes: int) -> None:
        catalog = catalog_of({"big": CHUNKS * MIB})
        self.progress = LeaseProgress(
            by_index(catalog.objects), by_index(catalog.chunks), began=0.0
        )
        self.activity = SwarmActivity()
        self.nodes = [NodeId(f"n{place:04}") for place in range(nodes)]
        self._seq = 0
        for place, node in enumerate(self.nodes):
            self.progress.add_node(node, 0.0, host=f"host-{place}")

    def inventories(self, *, held: int = 0) -> None:
        runs = (HeldRun(ChunkIndex(0), (1,) * held),) if held else ()
        for node in self.nodes:
            self.progress.took_inventory(node, (BIG,), Inventory(held=runs), 1.0)

    def report(
        self,
        node: int,
        now: float,
        *events: NodeEvent,
        stall: Stall | None = None,
        **counters: int,
    ) -> None:
        self._seq += 1
        name = self.nodes[node]
        report = NodeReport(self._seq, events, NodeCounters(**counters), stall=stall)
        self.activity.reported(name, report, now)
        for event in events:
            if isinstance(event, ChunkHeld):
                self.progress.held(name, event, now)
            elif isinstance(event, ObjectLanded):
                self.progress.landed(name, event, now)

    def at(self, now: float) -> Progress:
        return summary_of(self.progress, now, self.activity)


def came(*chunks: int, source: NodeId | None = None) -> list[ChunkHeld]:
    return [ChunkHeld(OrderId(each), ChunkIndex(each), 1, source, MIB, 0.5, 0.5) for each in chunks]


def refused(source: NodeId | None = None) -> OrderFailed:
    return OrderFailed(OrderId(0), ChunkIndex(0), source, OriginThrottledError(THROTTLED), "origin")


def test_it_begins_with_what_is_cached_and_ends_with_everything() -> None:
    story = Story(2)
    assert (story.at(0.5).phase, story.at(0.5).done_bytes) == ("finding", 0)

    story.inventories(held=1)
    start = story.at(1.0)
    assert (start.phase, start.done_bytes, start.cached_bytes) == ("moving", 2 * MIB, 2 * MIB)

    story.report(0, 2.0, *came(1, 2, 3), ObjectLanded(BIG), origin_bytes=3 * MIB)
    story.report(1, 3.0, *came(1, 2, 3, source=story.nodes[0]), peer_bytes=3 * MIB)
    assert (story.at(3.0).phase, story.at(3.0).nodes_done) == ("landing", 1)

    story.report(1, 4.0, ObjectLanded(BIG), peer_bytes=3 * MIB)
    end = story.at(4.0)
    assert (end.phase, end.done_bytes, end.total_bytes) == ("done", 8 * MIB, 8 * MIB)
    assert (end.slowest, end.stalls, end.left_s) == (None, (), None)


@pytest.mark.parametrize(
    ("chunks", "counters", "phase"),
    [
        (2, {"active_origin": 1}, "moving"),
        (2, {"active_origin": 1, "active_verifications": 1, "active_unpacks": 1}, "moving"),
        (2, {}, "moving"),
        (2, {"active_verifications": 1}, "verifying"),
        (4, {"active_verifications": 1, "active_unpacks": 1}, "verifying"),
        (4, {"active_unpacks": 1, "active_landings": 1}, "unpacking"),
        (4, {"active_landings": 1}, "landing"),
        (4, {}, "landing"),
    ],
)
def test_the_phase_of_a_node(chunks: int, counters: dict[str, int], phase: str) -> None:
    story = Story(1)
    story.inventories()
    story.report(0, 2.0, *came(*range(chunks)), **counters)

    now = story.at(2.0)

    assert (now.per_node[0].phase, now.phase) == (phase, phase)


def test_a_late_node_does_not_send_all_back_to_finding() -> None:
    story = Story(2)
    story.inventories()
    story.report(0, 2.0, *came(0, 1, 2, 3), active_unpacks=1)
    story.report(1, 2.0, *came(0))
    story.progress.add_node(NodeId("late"), 2.0, late=True)

    assert story.at(2.0).phase == "moving"


def test_rate_and_time_left_are_sums_over_the_nodes_that_move() -> None:
    story = Story(2)
    story.inventories()
    for now in (1.0, 2.0, 3.0):
        story.report(0, now, origin_bytes=int(now * MIB))
        story.report(1, now, peer_bytes=int(now * MIB // 2))

    now = story.at(3.0)

    assert now.bytes_per_s == pytest.approx(1.5 * MIB)
    assert now.left_s == pytest.approx(8 / 1.5)  # No chunk is whole yet.
    assert sorted(each.bytes_per_s or 0 for each in now.per_node) == pytest.approx([MIB / 2, MIB])


def test_the_slowest_nodes_come_first_and_their_number_is_bounded() -> None:
    story = Story(2000)
    story.inventories()
    for place in range(2000):
        story.report(place, 2.0, *came(*range(place % 4)), origin_bytes=place)

    now = story.at(2.0)

    assert now.slowest == story.nodes[0]
    assert len(now.per_node) == MOST_STANDINGS
    assert {each.done_bytes for each in now.per_node} == {0}
    assert len(pickle.dumps(now)) < 4000


@pytest.mark.parametrize(
    ("reports", "now", "words"),
    [
        pytest.param([], 9.0, None, id="its worker is starting"),
        pytest.param([], 12.0, "its worker has not started for 12 s", id="for too long"),
        pytest.param([(2.0, {}, None, ())], 12.0, None, id="nothing is known to be wrong"),
        pytest.param(
            [(2.0, {}, None, ())], 40.0, "its worker has not answered for 38 s", id="it is stuck"
        ),
        pytest.param(
            [(2.0, {"origin_bytes": 1}, None, ())],
            13.0,
            "its worker has not answered for 11 s",
            id="it stands still",
        ),
        pytest.param(
            [(9.0, {}, Stall(5.0, None, THROTTLED), ())],
            16.0,
            "no bytes for 12 s, the origin answered with status 503 SlowDown",
            id="throttled",
        ),
        pytest.param(
            [(9.0, {}, Stall(5.0, None), ())],
            9.0,
            "no bytes for 5 s, the origin does not answer",
            id="no answer",
        ),
        pytest.param(
            [(9.0, {}, Stall(5.0, NodeId("n0001")), ())],
            9.0,
            "no bytes for 5 s, waits for node host-1 (n0001)",
            id="a relay",
        ),
        pytest.param(
            [(9.0, {}, Stall(5.0, NodeId("n0001"), "The peer does not listen"), ())],
            9.0,
            "no bytes for 5 s, node host-1 (n0001): the peer does not listen",
            id="a peer that fails",
        ),
        pytest.param(
            [(9.0, {}, Stall(5.0, None, THROTTLED), ()), (10.0, {"origin_bytes": 1}, None, ())],
            11.0,
            None,
            id="bytes come again",
        ),
        pytest.param(
            [(2.0, {}, None, (refused(),))],
            9.0,
            "no bytes for 7 s, the origin answered with status 503 SlowDown",
            id="the scheduler rests the origin",
        ),
        pytest.param(
            [(2.0, {}, None, (refused(),)), (8.0, {"peer_bytes": 1}, None, ())],
            9.0,
            None,
            id="a peer has it",
        ),
    ],
)
def test_why_a_node_receives_nothing(reports, now: float, words: str | None) -> None:
    story = Story(2)
    story.inventories()
    story.report(1, now, ObjectLanded(BIG))
    for at, counters, stall, events in reports:
        story.report(0, at, *events, stall=stall, **counters)

    summary = story.at(now)

    assert summary.per_node[0].stall == words
    assert summary.stalls == (() if words is None else (f"node host-0 (n0000): {words}",))


def test_bytes_of_unfinished_chunks_count_as_far_as_chunks_are_under_way() -> None:
    story = Story(1)
    story.inventories()
    story.report(0, 2.0, origin_bytes=MIB // 2, active_origin=1)
    assert story.at(2.0).done_bytes == MIB // 2
    story.report(0, 3.0, *came(0), origin_bytes=MIB + MIB // 4, active_origin=1)
    assert story.at(3.0).done_bytes == MIB + MIB // 4
    # What came in vain is no progress: nothing is under way.
    story.report(0, 4.0, origin_bytes=2 * MIB)
    assert story.at(4.0).done_bytes == MIB


def test_a_stalled_node_has_no_rate() -> None:
    story = Story(1)
    story.inventories()
    for now in (1.0, 2.0, 3.0):
        story.report(0, now, origin_bytes=int(now * MIB))
    story.report(0, 9.0, origin_bytes=3 * MIB, stall=Stall(6.0, None, THROTTLED))

    assert (story.at(9.0).bytes_per_s, story.at(9.0).left_s) == (0.0, None)


def test_the_file_that_another_process_writes_is_named() -> None:
    story = Story(1)
    story.inventories()
    busy = Inventory(elsewhere=((BIG, None),))
    story.progress.took_inventory(story.nodes[0], (BIG,), busy, 2.0)
    story.report(0, 2.0)

    (stall,) = story.at(3.0).stalls

    assert "waits for another process, which writes out/big on the same disk" in stall


def test_a_node_that_receives_other_files_does_not_wait_for_a_locked_one() -> None:
    story = Story(1)
    story.inventories()
    busy = Inventory(elsewhere=((BIG, None),))
    story.progress.took_inventory(story.nodes[0], (BIG,), busy, 2.0)
    for now in (2.0, 3.0, 4.0):
        story.report(0, now, origin_bytes=int(now * MIB), active_origin=1)

    moving = story.at(4.0)
    assert (moving.stalls, moving.bytes_per_s) == ((), pytest.approx(MIB))
    story.report(0, 10.0, origin_bytes=4 * MIB, active_origin=1)
    assert "waits for another process" in story.at(10.0).stalls[0]


def test_a_node_that_failed_has_the_bytes_that_it_has() -> None:
    story = Story(2)
    story.inventories()
    story.report(0, 2.0, *came(0, 1, 2, 3), ObjectLanded(BIG), origin_bytes=4 * MIB)
    story.report(1, 2.0, *came(0), origin_bytes=MIB)
    story.progress.failed(story.nodes[1], (BIG,), DiskFullError("No room"), 3.0)

    end = story.at(3.0)

    assert (end.phase, end.nodes_done) == ("done", 2)
    assert (end.done_bytes, end.total_bytes) == (5 * MIB, 8 * MIB)
    assert sorted(each.done_bytes for each in end.per_node) == [MIB, 4 * MIB]


def test_without_any_node_nothing_is_done() -> None:
    story = Story(1)
    story.inventories()
    story.progress.lost(story.nodes[0], NodeLostError("gone"), 2.0)
    assert (story.at(2.0).phase, story.at(2.0).objects_done) == ("moving", 0)


def test_a_worker_that_starts_again_is_given_its_time() -> None:
    story = Story(1)
    story.inventories()
    story.report(0, 50.0, origin_bytes=MIB)
    story.activity.lost(story.nodes[0], 60.0)

    assert story.at(65.0).stalls == ()
    assert "has not started for 11 s" in story.at(71.0).stalls[0]


def test_causes_come_before_those_who_wait_and_the_rest_is_counted() -> None:
    story = Story(9)
    story.inventories()
    for place in range(8):
        story.report(place, 9.0, stall=Stall(6.0, story.nodes[8]))
    story.report(8, 9.0, stall=Stall(6.0, None, THROTTLED))

    stalls = story.at(9.0).stalls

    assert len(stalls) == MOST_STALLS
    assert stalls[0].startswith("node host-8 (n0008): no bytes for 6 s, the origin answered")
    assert stalls[-1] == "5 more nodes receive nothing"
