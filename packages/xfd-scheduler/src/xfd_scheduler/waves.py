"""Launches chunks that nobody has: who reads them from the origin, and who gets them from whom.

A wave is a run of a few neighbouring chunks. One node reads it (or one in each zone, or some more:
the origin's policy), and everybody who wants it and has room gets it in the same plan, from a node
above it in a tree. Where nodes have zones, the wave enters each zone once and spreads inside.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from xfd_api.ids import ChunkIndex, OrderId
from xfd_api.orders import Fetch
from xfd_scheduler import selection
from xfd_scheduler.bits import positions, run_length
from xfd_scheduler.columns import LARGE_SWARM, NOBODY, ORIGIN, key_of
from xfd_scheduler.member import Member
from xfd_scheduler.readers import Readers, fan_out
from xfd_scheduler.seating import reached, seated
from xfd_scheduler.swarm import Swarm

STRIDE = 7919
"""A prime, so that turns of equal nodes visit all places."""


class Waves:
    """Launches waves into a swarm, within what `left` allows."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.settings = swarm.settings
        self.left = 0
        self._readers = Readers(swarm)
        self._members_of_mask: tuple[int, list[int]] = (0, [])
        self._latest_priority = -(2**31)

    def launch(self, left: int) -> int:
        """Launches what there is room for; returns how many more assignments may be made.

        A wave starts when some node is running dry or half of the nodes have room, so that nearly
        all take part in it. A chunk that is needed sooner than those before waits for no room.
        """
        swarm = self.swarm
        self.left = left
        priorities = swarm.catalog.by_priority.values()
        unborn = swarm.rarity.classes
        if not unborn[0] & swarm.wanted:
            return left
        while self.left > 0:
            chunk = swarm.rarity.rarest(unborn[0] & swarm.wanted, priorities)
            if chunk < 0 or not self._is_urgent(chunk):
                break
            if not self._wave(chunk, swarm.open_on[chunk]):
                break
        # Who has to wait for the origin, with all who want what he wants; others go on.
        waiting = 0
        for index in positions(swarm.dry & swarm.hungry):
            while ((swarm.dry & ~waiting) >> index) & 1 and self.left > 0:
                chunk = swarm.rarity.rarest(swarm.members[index].open & unborn[0], priorities)
                if chunk < 0:
                    break
                takers = swarm.open_on[chunk]
                if not self._wave(chunk, swarm.soft):
                    if swarm.origin_is_taken():
                        return self.left
                    waiting |= takers
        waiting = 0
        while self.left > 0 and (mask := self._unborn_beside(waiting)):
            chunk = swarm.rarity.rarest(mask, priorities)
            wanting = swarm.open_on[chunk]
            has_room = 2 * (wanting & swarm.roomy).bit_count() >= wanting.bit_count()
            if not has_room or not self._wave(chunk, swarm.soft):
                if swarm.origin_is_taken():
                    break
                waiting |= wanting
        return self.left

    def _unborn_beside(self, waiting: int) -> int:
        """Unborn chunks that somebody wants who does not wait; bit set. All, where nobody waits."""
        swarm = self.swarm
        unborn = swarm.rarity.classes[0] & swarm.wanted
        if not waiting:
            return unborn
        for index in positions(swarm.roomy & swarm.hungry & ~waiting):
            if mine := unborn & swarm.members[index].open:
                return mine
        return 0

    def _is_urgent(self, chunk: int) -> bool:
        return self.swarm.catalog.priorities[chunk] < self._latest_priority

    def _wave(self, first: int, room: int) -> bool:
        """Launches a run of unborn chunks; False where nobody may read the origin now."""
        swarm = self.swarm
        takers = swarm.open_on[first] & room
        if not takers:
            return False
        limit = run_length(swarm.rarity.classes[0] & swarm.wanted, first, swarm.run_limit)
        count = 1
        priorities = swarm.catalog.priorities
        while (
            count < limit
            and swarm.open_on[first + count] & room == takers
            and priorities[first + count] == priorities[first]
        ):
            count += 1
        order = self._in_tree(takers)
        if not any(swarm.offering >> node & 1 for node in order):
            order = order[:1]
            takers = 1 << order[0]
        readers = self._readers.choose(order, first, count)
        if readers is None and count > 1:
            count = 1
            readers = self._readers.choose(order, first, count)
        if readers is None:
            return False
        able = reached(swarm, readers, order)
        if len(able) < len(order):
            order = able
            takers = sum(1 << node for node in order)
        below = [node for node in order if node not in readers]
        self._latest_priority = max(self._latest_priority, priorities[first])
        self._commit(
            first, count, takers, readers, *seated(swarm, readers, below, self._room_below())
        )
        return True

    def _in_tree(self, takers: int) -> list[int]:
        members = self.swarm.members
        trusted = self.swarm.speeds.fast_ones_suffice
        # Equal nodes change places from wave to wave, else the same ones would always sit below
        # the same source: a node lets only so many orders wait for one source, and would take up
        # later waves while it waits, each node others.
        listed = self._listed(takers)
        turn = self.swarm.launched * STRIDE % len(listed) if len(listed) >= LARGE_SWARM else 0
        return selection.order_in_tree(
            listed[turn:] + listed[:turn],
            lambda node: members[node].clock,
            (lambda node: members[node].speed_class) if trusted else (lambda _: 0),
        )

    def _commit(
        self,
        first: int,
        count: int,
        takers: int,
        readers: Sequence[int],
        order: Sequence[int],
        seats: Sequence[int],
    ) -> None:
        swarm = self.swarm
        members = swarm.members
        chunks = range(first, first + count)
        run = ((1 << count) - 1) << first
        size = sum(swarm.catalog.sizes[first : first + count])
        for chunk in chunks:
            for node in positions(swarm.pending[chunk]):  # a banned node's own fetching
                swarm.extra[key_of(node, chunk)] = swarm.source_of(node, chunk)
        wave = array("i", [NOBODY]) * swarm.next_index
        swarm.launched += 1
        launch = swarm.launched
        ahead = self.settings.download_slots // 2 // swarm.run_limit
        levels: dict[int, int] = {}
        for reader in readers:
            levels[reader] = 0
            wave[reader] = ORIGIN
            member = members[reader]
            member.reads += count
            swarm.add_origin_orders(member, count)
            self._give(member, run, chunks, size, ORIGIN, swarm.urgency(first, launch - ahead))
        for node, source in zip(order, seats, strict=True):
            levels[node] = levels[source] + 1
        inside = set(seats)
        deepest = max(levels.values(), default=0)
        by_level = [
            swarm.urgency(first, launch - ahead * (deepest - level) // max(deepest, 1))
            for level in range(deepest + 1)
        ]
        for node, source in zip(order, seats, strict=True):
            wave[node] = source
            member = members[node]
            swarm.promise(member, source, count, size)
            urgency = by_level[levels[node] if node in inside else deepest]
            self._give(member, run, chunks, size, source, urgency)
        for chunk in chunks:
            swarm.waves[chunk] = wave
            swarm.launches[chunk] = launch
            swarm.pending[chunk] |= takers
            swarm.coming |= 1 << chunk
            swarm.last_reader[chunk] = readers[0]
            left = swarm.open_on[chunk] & ~takers
            swarm.open_on[chunk] = left
            if not left:
                swarm.wanted &= ~(1 << chunk)
            swarm.update_rarity(chunk)
        self.left -= count * (len(order) + len(readers))

    def _give(
        self, member: Member, run: int, chunks: range, size: int, source: int, urgency: int
    ) -> None:
        swarm = self.swarm
        member.open ^= run
        if not member.open:
            swarm.hungry &= ~member.bit
        member.queued += len(chunks)
        member.queued_bytes += size
        swarm.update_room(member)
        peer = None if source == ORIGIN else swarm.members[source].id
        if swarm.generations and any(
            key_of(member.index, chunk) in swarm.generations for chunk in chunks
        ):
            for chunk in chunks:
                swarm.tell(member, chunk, 1, peer, urgency)
        elif swarm.crcs[chunks.start] is None:
            order = (member.index << 32) | chunks.start
            member.outbox.append(
                Fetch(OrderId(order), ChunkIndex(chunks.start), len(chunks), peer, urgency)
            )
        else:
            swarm.tell(member, chunks.start, len(chunks), peer, urgency)

    def _listed(self, mask: int) -> list[int]:
        if self._members_of_mask[0] != mask:
            self._members_of_mask = (mask, positions(mask))
        return self._members_of_mask[1]

    def _room_below(self) -> selection.FanOut:
        swarm = self.swarm
        members = swarm.members
        launched = swarm.rarity.classes[0] ^ swarm.everything
        most = fan_out(swarm)

        def room(node: int) -> int:
            member = members[node]
            if not swarm.offering & member.bit or member.promised >= swarm.promise_limit(member):
                return 0
            if member.late and member.open & launched:
                return 0  # it has much to catch up with, and so would everybody below it
            if not member.speed_class:
                return most
            return round(most * member.up_share)

        return room
