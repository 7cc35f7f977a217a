"""The moves of a node and a chunk between the states that `columns` tells of."""

from __future__ import annotations

from xfd_api.ids import ChunkIndex, NodeId
from xfd_api.orders import Cancel, Fetch
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import ORIGIN, Columns, key_of


class Swarm(Columns):
    """Columns over chunks, members by number, and the moves between the states."""

    def open(self, member: Member, chunk: int) -> None:
        """unwanted, or out of any other state -> open."""
        self.open_on[chunk] |= member.bit
        bit = 1 << chunk
        member.open |= bit
        self.wanted |= bit
        self.hungry |= member.bit
        member.end_game_since = None

    def close(self, member: Member, chunk: int) -> None:
        """Open -> whatever comes next."""
        left = self.open_on[chunk] & ~member.bit
        self.open_on[chunk] = left
        bit = 1 << chunk
        member.open &= ~bit
        if not left:
            self.wanted &= ~bit
        if not member.open:
            self.hungry &= ~member.bit

    def begin(self, member: Member, chunk: int, source: int) -> None:
        """Open -> pending, for one chunk; the order goes to the member's outbox."""
        self.close(member, chunk)
        self.pending[chunk] |= member.bit
        self.coming |= 1 << chunk
        self.extra[key_of(member.index, chunk)] = source
        size = self.catalog.sizes[chunk]
        member.queued += 1
        member.queued_bytes += size
        self.promise(member, source, 1, size)
        self.update_room(member)
        self.update_rarity(chunk)
        if source == ORIGIN:
            self.last_reader[chunk] = member.index
            member.reads += 1
        peer = None if source == ORIGIN else self.members[source].id
        # What failed goes before what was launched since, because others may wait for it here. What
        # a late node missed goes behind, so that it keeps step with the waves it takes part in.
        again = key_of(member.index, chunk) in self.generations
        launch = self.launches[chunk] if again else self.launched
        self.tell(member, chunk, 1, peer, self.urgency(chunk, launch))

    def tell(
        self, member: Member, first: int, count: int, source: NodeId | None, priority: int
    ) -> None:
        """Puts a run of orders into the outbox, joined to the run before where they fit."""
        for chunk in range(first, first + count):
            if (crc := self.crcs[chunk]) is not None:
                member.pins[chunk] = crc
        order = self.order_id(member.index, first)
        outbox = member.outbox
        if outbox and type(last := outbox[-1]) is Fetch:
            before = last.count
            if (
                last.first_chunk + before == first
                and last.first_order + before == order
                and last.source == source
                and last.priority == priority
            ):
                outbox.pop()
                outbox.append(
                    Fetch(last.first_order, last.first_chunk, before + count, source, priority)
                )
                return
        outbox.append(Fetch(order, ChunkIndex(first), count, source, priority))

    def promise(self, member: Member, source: int, count: int, size: int) -> None:
        """Books `count` orders of `size` bytes in all at their source."""
        if source == ORIGIN:
            self.add_origin_orders(member, count)
            return
        peer = self.members[source]
        peer.promised += count
        peer.clock += size / peer.up_share
        if not member.known & peer.bit:
            member.known |= peer.bit
            member.meet[source] = (peer.id, peer.address)

    def add_origin_orders(self, member: Member, count: int) -> None:
        """Books origin orders; a node runs no more of them at once than it has slots."""
        slots = self.settings.download_slots
        before = min(member.origin_orders, slots)
        member.origin_orders += count
        self.origin_orders += count
        self.origin_load += min(member.origin_orders, slots) - before

    def end(self, member: Member, chunk: int) -> int:
        """Pending -> whatever comes next; returns the source."""
        source = self.source_of(member.index, chunk)
        self.extra.pop(key_of(member.index, chunk), None)
        left = self.pending[chunk] & ~member.bit
        self.pending[chunk] = left
        if not left:
            self.waves[chunk] = None
            self.coming &= ~(1 << chunk)
        member.queued -= 1
        member.queued_bytes -= self.catalog.sizes[chunk]
        if source == ORIGIN:
            self.add_origin_orders(member, -1)
        elif (peer := self.members.get(source)) is not None:
            peer.promised -= 1
        return source

    def abandon(self, member: Member, chunk: int) -> int:
        """Pending -> whatever comes next, the order having come to nothing."""
        source = self.end(member, chunk)
        self.next_generation(member.index, chunk)
        self.update_room(member)
        self.update_rarity(chunk)
        return source

    def cancel(self, member: Member, chunk: int) -> int:
        """Like `abandon`, and tells the node."""
        member.outbox.append(Cancel(self.order_id(member.index, chunk)))
        return self.abandon(member, chunk)

    def move(self, member: Member, chunk: int, source: int) -> None:
        """Pending stays pending, but from another source; the order before is cancelled.

        The new order goes first, so that the chunk stays expected for those that wait for it here.
        """
        key = key_of(member.index, chunk)
        old = self.order_id(member.index, chunk)
        size = self.catalog.sizes[chunk]
        before = self.source_of(member.index, chunk)
        if before == ORIGIN:
            self.add_origin_orders(member, -1)
        elif (peer := self.members.get(before)) is not None:
            peer.promised -= 1
        self.next_generation(member.index, chunk)
        self.extra[key] = source
        self.promise(member, source, 1, size)
        name = None if source == ORIGIN else self.members[source].id
        self.tell(member, chunk, 1, name, self.urgency(chunk, self.launches[chunk]))
        member.outbox.append(Cancel(old))

    def next_generation(self, node: int, chunk: int) -> None:
        """The next order between these two has another id."""
        key = key_of(node, chunk)
        self.generations[key] = self.generations.get(key, 0) + 1

    def hold(self, member: Member, chunk: int) -> None:
        """Any other state -> held."""
        if self.pending[chunk] & member.bit:
            self.end(member, chunk)
            self.update_room(member)
        elif self.open_on[chunk] & member.bit:
            self.close(member, chunk)
        else:
            self.resting.forget(key_of(member.index, chunk))
        self.holders[chunk] |= member.bit
        self.caught_up(member, chunk)
        self.update_rarity(chunk)

    def caught_up(self, member: Member, chunk: int) -> None:
        """The node holds the chunk, or does not want it any more."""
        if member.missed:
            member.missed &= ~(1 << chunk)
            if not member.missed:
                self.behind &= ~member.bit

    def unhold(self, member: Member, chunk: int) -> None:
        """Held -> open where it is wanted, else unwanted."""
        self.holders[chunk] &= ~member.bit
        self.next_generation(member.index, chunk)
        if (member.wants >> chunk) & 1:
            self.open(member, chunk)
        self.update_rarity(chunk)

    def drop(self, member: Member, chunk: int) -> None:
        """open, pending or resting -> unwanted; a pending order is cancelled."""
        if self.pending[chunk] & member.bit:
            self.cancel(member, chunk)
        elif self.open_on[chunk] & member.bit:
            self.close(member, chunk)
        else:
            self.resting.forget(key_of(member.index, chunk))
        self.caught_up(member, chunk)
        member.wants &= ~(1 << chunk)
