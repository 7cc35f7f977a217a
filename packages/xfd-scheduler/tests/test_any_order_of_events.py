"""Whatever happens in whatever order, the books stay right and the swarm gets there."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)

from xfd_api.errors import ChecksumMismatchError, DiskFullError, ObjectNotFoundError, PeerError
from xfd_api.orders import Fetch
from xfd_scheduler.events import NodeTraits
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.story import Story

SETTINGS = SchedulerSettings(
    download_slots=3,
    upload_slots=4,
    origin_slots=7,
    fan_out=2,
    attempts=3,
    queue_s=0.01,
    report_interval_s=0.01,
    assumed_bytes_per_s=1e9,
)


class Swarm(RuleBasedStateMachine):
    nodes = Bundle("nodes")
    settings_of_scheduler: ClassVar[SchedulerSettings] = SETTINGS
    zones: ClassVar[int] = 1

    def __init__(self) -> None:
        super().__init__()
        self.story = Story(self.settings_of_scheduler)
        self.count = 0
        self.lost: set[str] = set()
        self.may_read_again: set[int] = set()
        self.seen = 0

    @initialize(chunks=st.lists(st.integers(0, 9), min_size=1, max_size=3))
    def catalog(self, chunks: list[int]) -> None:
        self.story.grow(chunks)

    def _node(self, name: str) -> str | None:
        return name if name in self.story.errands else None

    @rule(target=nodes, held=st.sets(st.integers(0, 8)), rest=st.integers(0, 3))
    def joins(self, held: set[int], rest: int) -> str:
        name = f"n{self.count}"
        self.count += 1
        objects, chunks = self.story.scheduler.catalog_size()
        mine = tuple(sorted(chunk for chunk in held if chunk < chunks and rest == 0))
        self.story.joins(
            name,
            wants=tuple(range(objects))[rest // 3 :],
            held=mine,
            traits=NodeTraits(str(self.count % self.zones)),
        )
        return name

    @rule(node=consumes(nodes))
    def is_lost(self, node: str) -> None:
        self.lost.add(node)
        self.story.is_lost(node)
        self.may_read_again.update(range(1000))

    @rule(count=st.integers(0, 4))
    def grows(self, count: int) -> None:
        self.story.grow([count])
        objects, _ = self.story.scheduler.catalog_size()
        for node in self.story.errands:
            self.story.asks(node, wants=(objects - 1,))

    @rule()
    def plans(self) -> None:
        self.story.plan()
        for node, order in self.story.orders[self.seen :]:
            assert node not in self.lost
            if isinstance(order, Fetch):
                assert order.source not in self.lost
        self.seen = len(self.story.orders)
        again = {chunk for chunk, times in self.story.origin_reads.items() if times > self.zones}
        assert again <= self.may_read_again

    @rule(node=nodes, count=st.integers(1, 6))
    def carries_out(self, node: str, count: int) -> None:
        mine = list(self.story.errands[node])[:count]
        if mine:
            self.story.holds(node, *mine)

    @rule(
        node=nodes,
        fault=st.sampled_from(["origin", "peer", "node"]),
        final=st.integers(0, 9),
        bad=st.booleans(),
        wait=st.sampled_from([None, 0.1, 3.0]),
    )
    def fails(self, node: str, fault: str, final: int, bad: bool, wait: float | None) -> None:
        for chunk, errand in list(self.story.errands[node].items())[:1]:
            if fault != "node":
                fault = "origin" if errand.source is None else "peer"
            bad = bad and fault == "peer"
            self.may_read_again.add(chunk)
            if bad:
                self.may_read_again.update(range(1000))
            error = {
                "origin": ObjectNotFoundError("No such key"),
                "peer": ChecksumMismatchError("Bad") if bad else PeerError("Reset"),
                "node": DiskFullError("No room"),
            }[fault]
            self.story.fails(
                node,
                chunk,
                fault,  # type: ignore[arg-type]
                error=error,
                bad_bytes=bad,
                final=final == 0 and fault != "peer",
                retry_after_s=wait,
            )

    @rule(node=nodes)
    def reports_a_wrong_checksum(self, node: str) -> None:
        for chunk in list(self.story.errands[node])[:1]:
            self.may_read_again.update(range(1000))
            self.story.holds(node, chunk, crc=0xBAD)

    @rule(node=nodes, chunk=st.integers(0, 8))
    def loses_a_copy(self, node: str, chunk: int) -> None:
        if chunk < self.story.scheduler.catalog_size()[1] and chunk not in self.story.errands[node]:
            self.may_read_again.add(chunk)
            self.story.loses(node, chunk)

    @rule(node=nodes, suspect=st.booleans(), item=st.integers(0, 4))
    def cannot_land(self, node: str, suspect: bool, item: int) -> None:
        if item < self.story.scheduler.catalog_size()[0]:
            self.may_read_again.update(range(1000))
            error = ChecksumMismatchError("Whole object")
            self.story.cannot_land(node, item, error, chunks_suspect=suspect)

    @rule(node=nodes, item=st.integers(0, 4))
    def lands(self, node: str, item: int) -> None:
        if item < self.story.scheduler.catalog_size()[0]:
            self.story.lands(node, item)

    @rule(item=st.integers(0, 4))
    def releases(self, item: int) -> None:
        if item < self.story.scheduler.catalog_size()[0]:
            self.may_read_again.update(range(1000))
            self.story.releases(item)

    @rule()
    def time_passes(self) -> None:
        self.story.waits()

    @invariant()
    def the_books_are_right(self) -> None:
        self.story.scheduler.check_invariants()

    def teardown(self) -> None:
        self.story.runs_to_the_end()
        self.story.scheduler.check_invariants()
        assert not any(self.story.scheduler.open_chunks().values())


Swarm.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestSwarm = Swarm.TestCase


class InZones(Swarm):
    settings_of_scheduler = replace(SETTINGS, origin_policy="once-per-zone")
    zones = 2


InZones.TestCase.settings = settings(Swarm.TestCase.settings, max_examples=60)
TestInZones = InZones.TestCase
