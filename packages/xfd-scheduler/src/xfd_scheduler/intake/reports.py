"""Takes in what nodes say: their inventories and their reports."""

from __future__ import annotations

from xfd_api.ids import NodeId, ObjectIndex
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
from xfd_scheduler.intake.failures import Faults
from xfd_scheduler.links import windows
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.catalog_index import mask_of
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import NOBODY, ORIGIN, key_of
from xfd_scheduler.state.transitions import Swarm
from xfd_scheduler.tuning import FIRST_ORIGIN_READS, MUCH_MISSED_SHARE


class Reports:
    """Applies inventories and reports to a swarm."""

    def __init__(self, swarm: Swarm, faults: Faults) -> None:
        self.swarm = swarm
        self.faults = faults
        self._opening: dict[int, int] = {}
        """Chunks (bit set) to nodes (bit set) that want exactly these, not yet opened by chunk."""

    def inventory(
        self, member: Member, objects: tuple[ObjectIndex, ...], inventory: Inventory
    ) -> None:
        """The node wants what is missing of these objects; said again, the later word counts."""
        member.end_game_since = None
        swarm = self.swarm
        refused = swarm.refused.keys() & set(objects)
        if inventory.elsewhere or refused or member.wants:
            self.settle()  # Only a node's first, plain inventory touches nothing that is open.
        asked = mask_of(list(objects))
        landed = mask_of(list(inventory.landed))
        member.inventoried |= asked
        member.landed &= ~asked
        member.failed &= ~asked
        for item in objects:
            member.elsewhere.pop(item, None)
            swarm.failures.pop((member.id, item), None)
        self._holds(member, inventory)
        for item in inventory.landed:
            self._landed(member, item)
        for item, owner in inventory.elsewhere:
            self._is_elsewhere(member, item, owner)
        for item in refused:
            self.faults.fail_object(member, item, swarm.refused[item])
        wanted = swarm.catalog.chunks_mask(objects)
        if landed or inventory.elsewhere or member.failed & asked:
            done = landed | member.failed | mask_of([item for item, _ in inventory.elsewhere])
            wanted = swarm.catalog.chunks_mask(
                tuple(item for item in objects if not (done >> item) & 1)
            )
        member.wants |= wanted
        for chunk in positions(wanted & member.open):
            swarm.close(member, chunk)
        if inventory.held or member.queued or len(swarm.resting):
            wanted = mask_of([c for c in positions(wanted) if self._is_unwanted(member, c)])
        if wanted:
            self._opening[wanted] = self._opening.get(wanted, 0) | member.bit
            missed = wanted & ~swarm.rarity.classes[0] if swarm.launched else 0
            if missed.bit_count() > FIRST_ORIGIN_READS:
                member.missed |= missed
                if missed.bit_count() <= MUCH_MISSED_SHARE * wanted.bit_count():
                    swarm.behind |= member.bit

    def settle(self) -> None:
        """Opens what inventories asked for; nodes that want the same cost no more than one."""
        if not self._opening:
            return
        swarm = self.swarm
        for chunks, nodes in self._opening.items():
            for chunk in positions(chunks):
                swarm.open_on[chunk] |= nodes
            swarm.wanted |= chunks
            swarm.hungry |= nodes
            for node in positions(nodes):
                swarm.members[node].open |= chunks
        self._opening.clear()

    def take(self, member: Member, report: NodeReport, now: float) -> None:
        """One report. A repeated one changes nothing; a full one after a gap sets things right."""
        last = member.last_seq
        if last is not None and report.seq <= last and report.full is None:
            return
        member.last_seq = report.seq
        events = event_columns(report.events)
        for event in self._as_expected(member, events):
            if isinstance(event, ChunkHeld):
                self._held(member, event)
            elif isinstance(event, ObjectLanded):
                self._landed(member, event.object)
            elif isinstance(event, OrderFailed):
                self.faults.order_failed(member, event, now)
            elif isinstance(event, ChunkLost):
                self.faults.chunk_lost(member, event.chunk)
            elif isinstance(event, ObjectFailed):
                self.faults.object_failed(member, event)
        if report.full is not None:
            self._full(member, report.full, gap=last is not None and report.seq != last + 1)
        self.swarm.traffic.add(member.id, events)
        at_once = min(member.queued + len(events.chunks), self.swarm.settings.download_slots)
        swarm = self.swarm
        swarm.speeds.sample(member, events, at_once, swarm.by_id, now)
        assumed = windows.assumed_interval(swarm.settings, len(swarm.members))
        windows.measure(member, now, assumed)
        self.resize(member)

    def resize(self, member: Member) -> None:
        """After the node's rates changed."""
        swarm = self.swarm
        member.depth_bytes = windows.depth_bytes(member, swarm.settings, len(swarm.members))
        member.origin_window = windows.node_window(member, swarm.settings, swarm.catalog.mean_size)
        swarm.update_room(member)

    def _as_expected(self, member: Member, events: EventColumns) -> list[NodeEvent]:
        """Books the chunks that arrived as a wave had it, and returns all other events.

        Nearly every event of a run is of this kind, so this loop is the cost of a report; it does
        what `_held` does, for the case that nothing is out of the ordinary.
        """
        swarm = self.swarm
        pending, holders, waves, crcs = swarm.pending, swarm.holders, swarm.waves, swarm.crcs
        sizes, members, extra = swarm.catalog.sizes, swarm.members, swarm.extra
        index, bit = member.index, member.bit
        told_by_origin = [source is None for source in events.sources]
        booked = 0
        chunks = size = from_origin = 0
        columns = zip(events.chunks, events.crcs, events.source_of, strict=True)
        for row, (chunk, crc, told_source) in enumerate(columns):
            left = pending[chunk]
            wave = waves[chunk]
            if (
                not left & bit
                or wave is None
                or index >= len(wave)
                or (source := wave[index]) == NOBODY
                or (extra and (index << 32) | chunk in extra)
            ):
                continue
            pin = crcs[chunk]
            if pin != crc:
                if pin is not None or told_by_origin[told_source]:
                    continue
                told = swarm.unpinned.get(chunk)
                if told is None:
                    told = swarm.unpinned[chunk] = {}
                told[index] = crc
            left ^= bit
            pending[chunk] = left
            if not left:
                waves[chunk] = None
                swarm.coming &= ~(1 << chunk)
            holders[chunk] |= bit
            booked |= 1 << row
            moved = sizes[chunk]
            chunks += 1
            size += moved
            if source == ORIGIN:
                from_origin += 1
                if swarm.read_failures:
                    swarm.read_failures.pop(chunk, None)
            elif (peer := members.get(source)) is not None:
                peer.promised -= 1
                peer.served_bytes += moved
                if peer.strikes or peer.rests:
                    self.faults.forgive(peer)
        member.queued -= chunks
        member.queued_bytes -= size
        member.received_bytes += size
        member.arrived_bytes += size
        if from_origin:
            swarm.add_origin_orders(member, -from_origin)
        if member.missed:  # A chunk of which all copies were lost goes out with a wave again.
            for chunk in events.chunks:
                if holders[chunk] & bit:
                    swarm.caught_up(member, chunk)
        if chunks == len(events.chunks):
            return [event for _, event in events.others]
        return events.without(booked)

    def _held(self, member: Member, event: ChunkHeld) -> None:
        swarm = self.swarm
        chunk = event.chunk
        bit = member.bit
        if swarm.holders[chunk] & bit:
            return
        peer = None if event.source is None else swarm.by_id.get(event.source)
        pin = swarm.crcs[chunk]
        if pin is None:
            if event.source is None:
                swarm.read_failures.pop(chunk, None)
                self.faults.pin(chunk, event.crc)
            else:
                swarm.unpinned.setdefault(chunk, {})[member.index] = event.crc
        elif pin != event.crc:
            swarm.hold(member, chunk)
            fault: Fault = "origin" if event.source is None else "peer"
            self.faults.bad_copy(member, chunk, fault, peer)
            return
        member.received_bytes += event.size
        member.arrived_bytes += event.size
        if peer is not None:
            peer.served_bytes += event.size
            if peer.strikes or peer.rests:
                self.faults.forgive(peer)
        left = swarm.pending[chunk]
        if not left & bit:
            swarm.hold(member, chunk)
            return
        swarm.end(member, chunk)
        swarm.holders[chunk] |= bit
        swarm.caught_up(member, chunk)

    def _landed(self, member: Member, item: ObjectIndex) -> None:
        bit = 1 << item
        if member.landed & bit:
            return
        member.landed |= bit
        for peer in self.swarm.members.values():
            if peer.elsewhere.get(item) == member.id:
                del peer.elsewhere[item]
                self._landed(peer, item)

    def _is_elsewhere(self, member: Member, item: ObjectIndex, owner: NodeId | None) -> None:
        writer = None if owner is None else self.swarm.by_id.get(owner)
        if writer is not None and (writer.landed >> item) & 1:
            self._landed(member, item)
            return
        member.elsewhere[item] = owner

    def _holds(self, member: Member, inventory: Inventory) -> None:
        swarm = self.swarm
        for run in inventory.held:
            for chunk, crc in enumerate(run.crcs, run.first_chunk):
                pin = swarm.crcs[chunk]
                if crc is not None and pin is None:
                    self.faults.pin(chunk, crc)
                if not swarm.holders[chunk] & member.bit:
                    swarm.hold(member, chunk)
                if crc is not None and pin is not None and pin != crc:
                    self.faults.bad_copy(member, chunk, "node")

    def _full(self, member: Member, inventory: Inventory, *, gap: bool) -> None:
        """Brings the books in line with all that the node holds."""
        swarm = self.swarm
        held = {
            chunk
            for run in inventory.held
            for chunk in range(run.first_chunk, run.first_chunk + len(run.crcs))
        }
        self._holds(member, inventory)
        for item in inventory.landed:
            self._landed(member, item)
        if not gap:
            return
        for chunk in range(len(swarm.holders)):
            if swarm.pending[chunk] & member.bit:
                swarm.cancel(member, chunk)
                swarm.open(member, chunk)
            elif swarm.holders[chunk] & member.bit and chunk not in held:
                swarm.unhold(member, chunk)

    def _is_unwanted(self, member: Member, chunk: int) -> bool:
        swarm = self.swarm
        return not (
            (swarm.holders[chunk] | swarm.pending[chunk] | swarm.open_on[chunk]) & member.bit
            or key_of(member.index, chunk) in swarm.resting
        )
