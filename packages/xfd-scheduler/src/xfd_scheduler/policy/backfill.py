"""Gives single nodes what others hold already or will, rarest first.

To slow nodes what they missed, to late joiners everything, to anyone what failed; and near its end,
to a node that waits for a slower one, a faster source.

With zones, a source in the node's own zone is preferred, and one elsewhere is asked where that is
much less busy. For the first copy in a zone the others keep some places free, so that a zone that
comes late is not kept waiting by nodes that have neighbours to ask.
"""

from __future__ import annotations

from xfd_scheduler.state.attempts import NO_TRIES
from xfd_scheduler.state.bitset import positions, run_length, sample
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import NOBODY, ORIGIN, key_of
from xfd_scheduler.state.transitions import Swarm
from xfd_scheduler.tuning import (
    BACKFILL_SKIPS,
    END_GAME_INTERVALS,
    FIRST_COPY_DIVISOR,
    OTHER_ZONE_LOAD,
    RELAY_LOAD,
    RELAY_LOAD_DIVISOR,
    SOURCE_CANDIDATES,
    TAKE_OVER_READ_S,
)


class Filling:
    """Orders single chunks. `seed` decides where the search for a source starts."""

    def __init__(self, swarm: Swarm, seed: int) -> None:
        self.swarm = swarm
        self.settings = swarm.settings
        self.left = 0
        self._turn = seed

    def fill(self, left: int, now: float, *, only_dry: bool) -> int:
        """Feeds nodes that have room; returns how many more assignments may be made."""
        swarm = self.swarm
        self.left = left
        for index in positions((swarm.dry if only_dry else swarm.roomy) & swarm.hungry):
            if self.left <= 0:
                break
            self._feed(swarm.members[index], now, only_dry)
        return self.left

    def end_game(self, now: float) -> None:
        """A node that has nothing left to be ordered, and waits for slower ones, asks others."""
        swarm = self.swarm
        for index in positions(swarm.dry & ~swarm.hungry):
            member = swarm.members[index]
            if not member.queued or now < member.end_game_at:
                continue
            if member.end_game_since is None:
                member.end_game_since = now
            member.end_game_at = now + END_GAME_INTERVALS * (member.interval_s or 0.0)
            for chunk in positions(swarm.coming & member.wants):
                if swarm.pending[chunk] & member.bit:
                    self._look_for_faster(member, chunk, now)

    def another(self, member: Member, chunk: int, before: int, now: float) -> int:
        """Who else than `before` can give the chunk to the node: a peer's number or `NOBODY`."""
        swarm = self.swarm
        among = -1 if before == ORIGIN else ~swarm.members[before].bit
        zone = swarm.zone_mask(member)
        best = self.peer(member, chunk, now, among & zone) if zone else NOBODY
        return self.peer(member, chunk, now, among) if best == NOBODY else best

    def _look_for_faster(self, member: Member, chunk: int, now: float) -> None:
        swarm = self.swarm
        slow = swarm.members.get(swarm.source_of(member.index, chunk))
        if slow is None or slow.speed_class <= member.speed_class:
            return
        holding = swarm.holders[chunk] & swarm.offering & ~slow.bit
        if not holding and swarm.source_of(slow.index, chunk) == ORIGIN:
            takes_s = member.origin_pace * swarm.catalog.sizes[chunk]
            waited_s = now - (member.end_game_since or now)
            if takes_s and waited_s >= max(TAKE_OVER_READ_S, takes_s):
                self.read_instead(member, slow, chunk, now)
            return
        best = self._best(member, holding, now, None)
        if best != NOBODY and swarm.members[best].speed_class <= member.speed_class:
            swarm.move(member, chunk, best)

    def read_instead(self, member: Member, slow: Member, chunk: int, now: float) -> bool:
        """The member goes on with what a slow node reads from the origin, and gives it to that one
        and to all that are quicker. A moved order keeps its bytes, so next to nothing comes twice.
        """
        swarm = self.swarm
        if not swarm.pending[chunk] & slow.bit or swarm.source_of(slow.index, chunk) != ORIGIN:
            return False
        if now < swarm.origin_rest_until or not swarm.offering & member.bit:
            return False
        if not swarm.may_read_origin(member, 1, given_up=1):
            return False
        for node in swarm.children(slow.index, chunk):
            child = swarm.members[node]
            if child is not member and child.speed_class < slow.speed_class:
                swarm.move(child, chunk, member.index)
        swarm.move(slow, chunk, member.index)
        swarm.move(member, chunk, ORIGIN)
        swarm.last_reader[chunk] = member.index
        return True

    def peer(
        self, member: Member, chunk: int, now: float, among: int, *, first_in_zone: bool = False
    ) -> int:
        """The best source of those in the bit set `among`, holding the chunk or about to; or
        `NOBODY`.
        """
        swarm = self.swarm
        able = among & swarm.offering
        best = self._best(member, swarm.holders[chunk] & able, now, None, first_in_zone)
        if best == NOBODY or self._load(best) > RELAY_LOAD:
            relay = self._best(member, swarm.pending[chunk] & able, now, chunk, first_in_zone)
            if relay != NOBODY and (
                best == NOBODY or self._load(relay) < self._load(best) / RELAY_LOAD_DIVISOR
            ):
                return relay
        return best

    def _feed(self, member: Member, now: float, only_dry: bool) -> None:
        swarm = self.swarm
        priorities = swarm.catalog.by_priority.values()
        mask = member.open & ~swarm.rarity.classes[0]
        skips = 0
        while mask and skips < BACKFILL_SKIPS and self.left > 0:
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
            limit = run_length(mask, chunk, swarm.run_limit) if source != ORIGIN else 1
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
        coming = swarm.pending[chunk]
        tries = swarm.tries.get(key_of(member.index, chunk), NO_TRIES)
        if tries.prefers_origin(self.settings.attempts):
            source = self._origin(member, now)
            if source != NOBODY:
                return source
        patient = not tries.may_read(self.settings.attempts)
        zone = swarm.zone_mask(member)
        stays_inside = self.settings.origin_policy == "once-per-zone" and tries == NO_TRIES
        if zone and not (holding | coming) & zone:
            if stays_inside:
                return self._origin(member, now)
            best = self.peer(member, chunk, now, -1, first_in_zone=True)
        elif zone:
            best = self.peer(member, chunk, now, zone)
            if not stays_inside and (best == NOBODY or self._load(best) > OTHER_ZONE_LOAD):
                other = self.peer(member, chunk, now, ~zone)
                if best == NOBODY or (
                    other != NOBODY and self._load(other) * OTHER_ZONE_LOAD < self._load(best)
                ):
                    best = other
        else:
            best = self.peer(member, chunk, now, -1)
        if best != NOBODY:
            return best
        if patient and (
            holding or any(swarm.is_rooted(node, chunk, member.index) for node in positions(coming))
        ):
            return NOBODY
        return self._origin(member, now)

    def _origin(self, member: Member, now: float) -> int:
        swarm = self.swarm
        if now < swarm.origin_rest_until or not swarm.may_read_origin(member, 1):
            return NOBODY
        return ORIGIN

    def _load(self, node: int) -> float:
        peer = self.swarm.members[node]
        return (peer.promised + 1) / peer.up_share

    def _best(
        self,
        member: Member,
        candidates: int,
        now: float,
        relaying: int | None,
        first_in_zone: bool = False,
    ) -> int:
        """The candidate that promised least, of a few that are looked at."""
        swarm = self.swarm
        if not candidates:
            return NOBODY
        self._turn = (self._turn * 1103515245 + 12345) & 0x7FFFFFFF
        best = NOBODY
        least = 0.0
        for node in sample(candidates, self._turn % swarm.next_index, SOURCE_CANDIDATES):
            peer = swarm.members[node]
            places = swarm.promise_limit(peer)
            if len(swarm.zones) > 1 and not first_in_zone:
                places -= places // FIRST_COPY_DIVISOR
            if peer.promised >= places:
                continue
            if swarm.pairs_resting.get((member.index << 20) | node, 0.0) > now:
                continue
            if relaying is not None and (
                (swarm.keeps_others_waiting(peer) and not member.missed)
                or not swarm.is_rooted(node, relaying, member.index)
            ):
                continue
            load = self._load(node)
            if best == NOBODY or load < least:
                best, least = node, load
        return best
