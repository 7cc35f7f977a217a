"""What to order next.

Two rules hand out all work.

*Waves* launch chunks that nobody has, rarest (that is, unborn) first, in runs of a few neighbours:
one node reads the run from the origin, and everybody who wants it and has room gets it in the same
plan, from a node above it in a tree (`selection`). A wave starts when some node is running dry or
half of the nodes have room, so that nearly all of them take part in it and go through the chunks in
step; a slow node's queue is full more often than not, and it takes part in as many waves as its
rate allows.

*Filling* gives single nodes what others hold already, rarest first: to slow nodes what they missed,
to late joiners everything, and to anyone what failed.
"""

from __future__ import annotations

from array import array

from xfd_api.ids import ChunkIndex, OrderId
from xfd_api.orders import Fetch
from xfd_scheduler import rates, selection
from xfd_scheduler.bits import positions, run_length, sample
from xfd_scheduler.member import Member
from xfd_scheduler.swarm import NOBODY, ORIGIN, Swarm, key_of

CANDIDATES = 8
SKIPS = 64
PROMISES = 2
RUNS_IN_FLIGHT = 16
RELAY_AT = 8
"""Promises of the best holder from which on a node that will hold the chunk is asked as well."""
END_GAME_INTERVALS = 4


class Planner:
    """Orders for a swarm. `seed` decides where the search for a source starts."""

    def __init__(self, swarm: Swarm, seed: int) -> None:
        self.swarm = swarm
        self.settings = swarm.settings
        self.left = 0
        self._turn = seed
        self._members_of_mask: tuple[int, list[int]] = (0, [])

    def plan(self, now: float) -> bool:
        """Fills the outboxes. True: all was planned that can be; False: call again."""
        swarm = self.swarm
        self.left = self.settings.assignments_per_plan
        swarm.origin_window = rates.swarm_window(
            swarm.speeds, self.settings, len(swarm.members), swarm.catalog.mean_size
        )
        self._wake(now)
        self._fill(now, only_dry=True)
        self._launch(now)
        self._fill(now, only_dry=False)
        self._end_game(now)
        return self.left > 0

    def _wake(self, now: float) -> None:
        swarm = self.swarm
        for key in swarm.resting.pop_due(now):
            member = swarm.members.get(key >> 32)
            if member is not None:
                swarm.open(member, key & 0xFFFFFFFF)
        for index in swarm.peers_resting.pop_due(now):
            if index in swarm.members and not (swarm.banned >> index) & 1:
                swarm.offering |= 1 << index
        if len(swarm.pairs_resting) > 1024:
            swarm.pairs_resting = {
                pair: due for pair, due in swarm.pairs_resting.items() if due > now
            }

    # The end game.

    def _end_game(self, now: float) -> None:
        """A node that has nothing left to be ordered, and waits for slower ones, asks others."""
        swarm = self.swarm
        for index in positions(swarm.dry & ~swarm.hungry):
            member = swarm.members[index]
            if not member.queued or now < member.end_game_at:
                continue
            member.end_game_at = now + END_GAME_INTERVALS * (member.interval_s or 0.0)
            for chunk in positions(swarm.coming & member.wants):
                if swarm.pending[chunk] & member.bit:
                    self._look_for_faster(member, chunk, now)

    def _look_for_faster(self, member: Member, chunk: int, now: float) -> None:
        swarm = self.swarm
        source = swarm.source_of(member.index, chunk)
        slow = swarm.members.get(source)
        if slow is None or slow.speed_class <= member.speed_class:
            return
        holding = swarm.holders[chunk] & swarm.offering & ~slow.bit
        best = self._best(member, holding, now, None)
        if best != NOBODY and swarm.members[best].speed_class <= member.speed_class:
            swarm.move(member, chunk, best)

    # Waves.

    def _launch(self, now: float) -> None:
        swarm = self.swarm
        if now < swarm.origin_rest_until:
            return
        priorities = swarm.catalog.by_priority.values()
        unborn = swarm.rarity.classes
        if not unborn[0] & swarm.wanted:
            return
        for index in positions(swarm.dry & swarm.hungry):
            while (swarm.dry >> index) & 1 and self.left > 0:
                chunk = swarm.rarity.rarest(swarm.members[index].open & unborn[0], priorities)
                if chunk < 0:
                    break
                if not self._wave(chunk):
                    return
        while self.left > 0 and (mask := unborn[0] & swarm.wanted):
            chunk = swarm.rarity.rarest(mask, priorities)
            wanting = swarm.open_on[chunk]
            if 2 * (wanting & swarm.roomy).bit_count() < wanting.bit_count():
                return
            if not self._wave(chunk):
                return

    def _run_limit(self) -> int:
        """Chunks of one wave. Few, so that the chunks in flight stem from many waves and every
        uplink has its part of them; more than one, so that orders and plans cost less.
        """
        return max(1, self.settings.download_slots // RUNS_IN_FLIGHT)

    def _wave(self, first: int) -> bool:
        """Launches a run of unborn chunks; False where nobody may read the origin now."""
        swarm = self.swarm
        takers = swarm.open_on[first] & swarm.soft
        if not takers:
            return False
        limit = run_length(swarm.rarity.classes[0] & swarm.wanted, first, self._run_limit())
        count = 1
        priorities = swarm.catalog.priorities
        while (
            count < limit
            and swarm.open_on[first + count] & swarm.soft == takers
            and priorities[first + count] == priorities[first]
        ):
            count += 1
        members = swarm.members
        fan_out = self._fan_out()
        trusted = swarm.speeds.fast_ones_suffice
        room = self._room_below(fan_out)
        order = selection.order_in_tree(
            self._listed(takers),
            lambda node: members[node].clock,
            (lambda node: members[node].speed_class) if trusted else (lambda _: 0),
        )
        able = [node for node in order if swarm.offering >> node & 1]
        if not able:
            able = order = order[:1]
            takers = 1 << order[0]
        reader = self._reader(able[: -(-len(order) // fan_out)], first, count)
        if reader is None:
            reader = self._reader(able, first, count)
        if reader is None:
            count = 1
            reader = self._reader(able, first, count)
        if reader is None:
            return False
        order = [node for node in order if node != reader]
        if self.settings.relay:
            seats = selection.seats([reader], order, room)
        else:
            line = [reader, *order]
            seats = [line[place] for place in selection.doubled(len(order))]
        self._commit(first, count, takers, reader, order, seats)
        return True

    def _commit(
        self, first: int, count: int, takers: int, reader: int, order: list[int], seats: list[int]
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
        wave[reader] = ORIGIN
        member = members[reader]
        member.reads += count
        swarm.add_origin_orders(member, count)
        swarm.launched += 1
        launch = swarm.launched
        ahead = self.settings.download_slots // 2 // self._run_limit()
        self._give(member, run, chunks, size, ORIGIN, swarm.urgency(first, launch - ahead))
        levels = {reader: 0}
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
            swarm.last_reader[chunk] = reader
            left = swarm.open_on[chunk] & ~takers
            swarm.open_on[chunk] = left
            if not left:
                swarm.wanted &= ~(1 << chunk)
            swarm.update_rarity(chunk)
        self.left -= count * (len(order) + 1)

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

    def _fan_out(self) -> int:
        """Few chunks in the swarm make a deep tree: one chunk goes through a binary one."""
        chunks = len(self.swarm.catalog.sizes)
        return min(self.settings.fan_out, self.settings.upload_slots, max(2, chunks))

    def _room_below(self, fan_out: int) -> selection.FanOut:
        members = self.swarm.members
        offering = self.swarm.offering
        launched = self.swarm.rarity.classes[0] ^ self.swarm.everything

        def room(node: int) -> int:
            member = members[node]
            if not offering & member.bit or member.promised >= self._promise_limit(member):
                return 0
            if member.late and member.open & launched:
                return 0  # it has much to catch up with, and so would everybody below it
            if not member.speed_class:
                return fan_out
            return round(fan_out * member.up_share)

        return room

    def _promise_limit(self, member: Member) -> int:
        """Outstanding orders that may name it: what runs at once, and as much again to come."""
        return PROMISES * max(self.settings.upload_slots, member.queued)

    def _reader(self, nodes: list[int], chunk: int, count: int) -> int | None:
        """The node that read least from the origin so far, and not this chunk the last time."""
        swarm = self.swarm
        before = swarm.last_reader.get(chunk)
        best: int | None = None
        least = 0
        for node in nodes:
            member = swarm.members[node]
            reads = member.reads
            if (best is None or reads < least) and swarm.may_read_origin(member, count):
                if node == before and len(nodes) > 1:
                    continue
                best, least = node, reads
        return best

    # Filling.

    def _fill(self, now: float, *, only_dry: bool) -> None:
        swarm = self.swarm
        for index in positions((swarm.dry if only_dry else swarm.roomy) & swarm.hungry):
            if self.left <= 0:
                return
            self._feed(swarm.members[index], now, only_dry)

    def _feed(self, member: Member, now: float, only_dry: bool) -> None:
        swarm = self.swarm
        priorities = swarm.catalog.by_priority.values()
        mask = member.open & ~swarm.rarity.classes[0]
        skips = 0
        while mask and skips < SKIPS and self.left > 0:
            if not (swarm.dry if only_dry else swarm.roomy) & member.bit:
                return
            chunk = swarm.rarity.rarest(mask, priorities)
            if chunk < 0:
                return
            source = self._source(member, chunk, now)
            if source == NOBODY:
                mask &= ~(1 << chunk)
                skips += 1
                continue
            limit = run_length(mask, chunk, self._run_limit()) if source != ORIGIN else 1
            count = 1
            swarm.begin(member, chunk, source)
            while count < limit and (swarm.holders[chunk + count] >> source) & 1:
                swarm.begin(member, chunk + count, source)
                count += 1
            mask &= member.open
            self.left -= count

    def _source(self, member: Member, chunk: int, now: float) -> int:
        """Who can give the chunk to the node now: a peer's number, `ORIGIN` or `NOBODY`."""
        swarm = self.swarm
        holding = swarm.holders[chunk] & ~swarm.banned
        best = self._best(member, holding & swarm.offering, now, None)
        coming = swarm.pending[chunk]
        if best == NOBODY or self._load(best) > RELAY_AT:
            relay = self._best(member, coming & swarm.offering, now, chunk)
            if relay != NOBODY and (best == NOBODY or self._load(relay) < self._load(best) / 2):
                return relay
        if best != NOBODY:
            return best
        patient = swarm.tries.get(key_of(member.index, chunk), 0) < max(
            1, self.settings.attempts // 2
        )
        if patient and (
            holding or any(swarm.is_rooted(node, chunk, member.index) for node in positions(coming))
        ):
            return NOBODY
        if now < swarm.origin_rest_until or not swarm.may_read_origin(member, 1):
            return NOBODY
        return ORIGIN

    def _load(self, node: int) -> float:
        peer = self.swarm.members[node]
        return (peer.promised + 1) / peer.up_share

    def _best(self, member: Member, candidates: int, now: float, relaying: int | None) -> int:
        """The candidate that promised least, of a few that are looked at."""
        swarm = self.swarm
        if not candidates:
            return NOBODY
        self._turn = (self._turn * 1103515245 + 12345) & 0x7FFFFFFF
        best = NOBODY
        least = 0.0
        for node in sample(candidates, self._turn % swarm.next_index, CANDIDATES):
            peer = swarm.members[node]
            if peer.promised >= self._promise_limit(peer):
                continue
            if swarm.pairs_resting.get((member.index << 20) | node, 0.0) > now:
                continue
            if relaying is not None and not swarm.is_rooted(node, relaying, member.index):
                continue
            load = self._load(node)
            if best == NOBODY or load < least:
                best, least = node, load
        return best
