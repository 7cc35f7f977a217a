"""Applies reports: chunks that arrived, orders that failed, objects that landed."""

from __future__ import annotations

from xfd_api.node_report import NodeReport
from xfd_api.reports import (
    ChunkHeld,
    ChunkLost,
    Fault,
    Inventory,
    NodeEvent,
    ObjectFailed,
    ObjectLanded,
    OrderFailed,
)
from xfd_api.wire_format import EventColumns, event_columns
from xfd_scheduler.intake.copies import reopen
from xfd_scheduler.intake.denials import was_read
from xfd_scheduler.intake.failures import Failures
from xfd_scheduler.intake.inventories import Inventories, land_objects
from xfd_scheduler.links import windows
from xfd_scheduler.links.estimate import LinkEstimator
from xfd_scheduler.state import origin_budget
from xfd_scheduler.state.keys import NO_SOURCE, ORIGIN, key_of
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.resting import forgive
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.state.transitions import (
    clear_missed,
    end_order,
    hold_chunk,
)


class Reports:
    """Applies reports to a swarm."""

    def __init__(
        self,
        swarm: SwarmState,
        failures: Failures,
        inventories: Inventories,
        estimator: LinkEstimator,
    ) -> None:
        self.swarm = swarm
        self.failures = failures
        self.inventories = inventories
        self.estimator = estimator

    def add(self, member: Member, report: NodeReport, now: float) -> None:
        """Applies one report. A repeated one changes nothing; a full one repairs a gap."""
        last = member.last_seq
        if last is not None and report.seq <= last and report.full is None:
            return
        member.last_seq = report.seq
        events = event_columns(report.events)
        for event in self._book_expected(member, events):
            if isinstance(event, ChunkHeld):
                self._add_chunk(member, event)
            elif isinstance(event, ObjectLanded):
                land_objects(self.swarm, member, (event.object,))
            elif isinstance(event, OrderFailed):
                self.failures.order_failed(member, event, now)
            elif isinstance(event, ChunkLost):
                self.failures.chunk_lost(member, event.chunk, now)
            elif isinstance(event, ObjectFailed):
                self.failures.object_failed(member, event)
        if report.full is not None:
            is_gap = last is not None and report.seq != last + 1
            self._add_full(member, report.full, now, gap=is_gap)
        self._measure(member, events, now)

    def _measure(self, member: Member, events: EventColumns, now: float) -> None:
        swarm = self.swarm
        settings = swarm.settings
        swarm.traffic.add(member.id, events)
        streams = min(member.queued + len(events.chunks), settings.download_slots)
        self.estimator.add_report(member, events, streams, swarm.by_id, now)
        windows.measure(member, now, windows.assumed_interval(settings, len(swarm.members)))
        windows.resize(swarm, member)

    def _book_expected(self, member: Member, events: EventColumns) -> list[NodeEvent]:
        """Books chunks that arrived as their tree had it; returns the events that are left.

        If nothing else has happened, it books the objects that have landed too.

        Nearly every event of a run is of this kind, so this loop is the cost of a report. It does
        what `_add_chunk` does, for the case that nothing is out of the ordinary.
        """
        if any(isinstance(event, ChunkLost) for event in events.others):
            return list(events)  # A chunk may be lost before it is held, or after that.
        swarm = self.swarm
        pending, holders, sizes = swarm.pending, swarm.holders, swarm.catalog.sizes
        tree_sources, pins = swarm.tree_sources, swarm.pinned_crcs
        members, single_sources = swarm.members, swarm.single_sources
        index, bit = member.index, member.bit
        key_base = key_of(index, 0)
        is_origin = [source is None for source in events.sources]
        booked = 0
        chunks = size = origin_reads = 0
        columns = zip(events.chunks, events.crcs, events.source_of, strict=True)
        for row, (chunk, crc, reported_source) in enumerate(columns):
            left = pending[chunk]
            sources = tree_sources[chunk]
            if (
                not left & bit
                or sources is None
                or index >= len(sources)
                or (source := sources[index]) == NO_SOURCE
                or (single_sources and key_base | chunk in single_sources)
            ):
                continue
            pin = pins[chunk]
            if pin != crc:
                if pin is not None or is_origin[reported_source]:
                    continue
                reported = swarm.unpinned_crcs.get(chunk)
                if reported is None:
                    reported = swarm.unpinned_crcs[chunk] = {}
                reported[index] = crc
            left ^= bit
            pending[chunk] = left
            if not left:
                tree_sources[chunk] = None
                swarm.pending_chunks &= ~(1 << chunk)
            holders[chunk] |= bit
            booked |= 1 << row
            chunks += 1
            size += sizes[chunk]
            if source == ORIGIN:
                origin_reads += 1
                if swarm.read_failures or swarm.denials:
                    was_read(swarm, chunk)
            elif (peer := members.get(source)) is not None:
                peer.promised -= 1
                if peer.strikes or peer.rest_count:
                    forgive(peer)
        member.queued -= chunks
        member.queued_bytes -= size
        member.measured_bytes += size
        member.received_bytes += size
        if origin_reads:
            swarm.resets_in_a_row = 0
            origin_budget.add_orders(swarm, member, -origin_reads)
        if member.missed:  # A chunk of which all copies were lost is launched again.
            for chunk in events.chunks:
                if holders[chunk] & bit:
                    clear_missed(swarm, member, chunk)
        if chunks < len(events.chunks) or events.others:
            return events.without(booked)
        land_objects(swarm, member, events.landed)
        return []

    def _add_chunk(self, member: Member, event: ChunkHeld) -> None:
        """Books one chunk that arrived, whatever its order was."""
        swarm = self.swarm
        chunk = event.chunk
        bit = member.bit
        if swarm.holders[chunk] & bit:
            return
        peer = None if event.source is None else swarm.by_id.get(event.source)
        pin = swarm.pinned_crcs[chunk]
        if pin is None:
            if event.source is None:
                was_read(swarm, chunk)
                self.failures.pin(chunk, event.crc)
            else:
                swarm.unpinned_crcs.setdefault(chunk, {})[member.index] = event.crc
        elif pin != event.crc:
            hold_chunk(swarm, member, chunk)
            fault: Fault = "origin" if event.source is None else "peer"
            self.failures.bad_copy(member, chunk, fault, peer)
            return
        if event.source is None:
            swarm.resets_in_a_row = 0
        member.measured_bytes += event.size
        member.received_bytes += event.size
        if peer is not None and (peer.strikes or peer.rest_count):
            forgive(peer)
        if not swarm.pending[chunk] & bit:
            hold_chunk(swarm, member, chunk)
            return
        end_order(swarm, member, chunk)
        swarm.holders[chunk] |= bit
        clear_missed(swarm, member, chunk)

    def _add_full(self, member: Member, inventory: Inventory, now: float, *, gap: bool) -> None:
        """Books all that the node holds; after a gap also what it does not hold."""
        swarm = self.swarm
        held = {
            chunk
            for run in inventory.held
            for chunk in range(run.first_chunk, run.first_chunk + len(run.crcs))
        }
        self.inventories.hold(member, inventory)
        if not gap:
            return
        for chunk in range(len(swarm.holders)):
            if swarm.pending[chunk] & member.bit:
                reopen(swarm, member, chunk)
            elif swarm.holders[chunk] & member.bit and chunk not in held:
                self.failures.chunk_lost(member, chunk, now)
