"""Chooses the source of a single order: the least loaded of a few nodes, or the origin.

With zones, a source in the node's own zone is preferred. One in another zone is chosen if it is far
less busy. Sources keep some places free for the first copy in a zone, so that a late zone does not
wait for nodes that have neighbours to ask.
"""

from __future__ import annotations

from xfd_scheduler.policy.limits import delays_others, promise_limit
from xfd_scheduler.state import origin_budget
from xfd_scheduler.state.attempts import NO_ATTEMPTS
from xfd_scheduler.state.bitset import positions, sample
from xfd_scheduler.state.keys import NO_SOURCE, ORIGIN, key_of, pair_of
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.relay_paths import is_fed
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.tuning import (
    FIRST_COPY_DIVISOR,
    OTHER_ZONE_LOAD,
    RELAY_LOAD,
    RELAY_LOAD_DIVISOR,
    SOURCE_CANDIDATES,
)


class Sources:
    """Chooses sources. `seed` decides where the search among many holders starts."""

    def __init__(self, swarm: SwarmState, seed: int) -> None:
        self.swarm = swarm
        self.settings = swarm.settings
        self._random = seed

    def choose(self, member: Member, chunk: int, now: float) -> int:
        """The source that can give the chunk to the node now, `ORIGIN`, or `NO_SOURCE`.

        The node waits for peers that have the chunk, or will have it, unless it failed often. Only
        peers of its own zone count if each zone reads for itself.
        """
        swarm = self.swarm
        holding = swarm.holders[chunk] & ~swarm.banned
        pending = swarm.pending[chunk]
        attempts = swarm.attempts.get(key_of(member.index, chunk), NO_ATTEMPTS)
        if attempts.prefers_origin(self.settings.attempts):
            source = self._origin(member, now)
            if source != NO_SOURCE:
                return source
        is_patient = not attempts.may_read(self.settings.attempts)
        zone = swarm.zone_mask(member)
        stays_inside = self.settings.origin_policy == "once-per-zone" and attempts == NO_ATTEMPTS
        if not zone:
            best = self.peer(member, chunk, now, -1)
        elif (holding | pending) & zone:
            best = self._peer_by_zone(member, chunk, now, zone, stays_inside=stays_inside)
        elif stays_inside:
            return self._origin(member, now)
        else:
            best = self.peer(member, chunk, now, -1, first_in_zone=True)
        if best != NO_SOURCE:
            return best
        asked = zone if zone and stays_inside else -1
        if is_patient and (
            holding & asked
            or any(is_fed(swarm, node, chunk, member.index) for node in positions(pending & asked))
        ):
            return NO_SOURCE
        return self._origin(member, now)

    def peer(
        self, member: Member, chunk: int, now: float, among: int, *, first_in_zone: bool = False
    ) -> int:
        """The best peer of the bit set `among` that holds the chunk or will, or `NO_SOURCE`."""
        swarm = self.swarm
        able = among & swarm.available
        holders = swarm.holders[chunk] & able
        best = self.least_loaded(member, holders, now, None, first_in_zone=first_in_zone)
        if best == NO_SOURCE or self._load(best) > RELAY_LOAD:
            relays = swarm.pending[chunk] & able
            relay = self.least_loaded(member, relays, now, chunk, first_in_zone=first_in_zone)
            if relay != NO_SOURCE and (
                best == NO_SOURCE or self._load(relay) < self._load(best) / RELAY_LOAD_DIVISOR
            ):
                return relay
        return best

    def other_peer(self, member: Member, chunk: int, before: int, now: float) -> int:
        """The best peer except the source `before`, in the node's own zone first."""
        swarm = self.swarm
        among = -1 if before == ORIGIN else ~swarm.members[before].bit
        zone = swarm.zone_mask(member)
        best = self.peer(member, chunk, now, among & zone) if zone else NO_SOURCE
        return self.peer(member, chunk, now, among) if best == NO_SOURCE else best

    def least_loaded(
        self,
        member: Member,
        candidates: int,
        now: float,
        relayed: int | None,
        *,
        first_in_zone: bool = False,
    ) -> int:
        """The least loaded of a few nodes of the bit set `candidates`, or `NO_SOURCE`.

        Args:
            member: the node that asks.
            candidates: nodes that hold the chunk, or will.
            now: the time.
            relayed: the chunk, if they will hold it: these must not wait for `member`.
            first_in_zone: whether the zone of `member` has no copy.
        """
        swarm = self.swarm
        if not candidates:
            return NO_SOURCE
        # The generator of ANSI C's rand().
        self._random = (self._random * 1103515245 + 12345) & 0x7FFFFFFF
        keeps_places = len(swarm.zones) > 1 and not first_in_zone
        best = NO_SOURCE
        least = 0.0
        for node in sample(candidates, self._random % swarm.next_index, SOURCE_CANDIDATES):
            peer = swarm.members[node]
            places = promise_limit(swarm, peer)
            if keeps_places:
                places -= places // FIRST_COPY_DIVISOR
            if peer.promised >= places:
                continue
            if swarm.resting_pairs.get(pair_of(member.index, node), 0.0) > now:
                continue
            if relayed is not None and (
                (delays_others(swarm, peer) and not member.missed)
                or not is_fed(swarm, node, relayed, member.index)
            ):
                continue
            load = self._load(node)
            if best == NO_SOURCE or load < least:
                best, least = node, load
        return best

    def _peer_by_zone(
        self, member: Member, chunk: int, now: float, zone: int, *, stays_inside: bool
    ) -> int:
        """The best peer of the node's own zone, or one elsewhere that is far less busy."""
        best = self.peer(member, chunk, now, zone)
        if stays_inside or (best != NO_SOURCE and self._load(best) <= OTHER_ZONE_LOAD):
            return best
        other = self.peer(member, chunk, now, ~zone)
        if best == NO_SOURCE:
            return other
        is_far_less_busy = other != NO_SOURCE and (
            self._load(other) * OTHER_ZONE_LOAD < self._load(best)
        )
        return other if is_far_less_busy else best

    def _origin(self, member: Member, now: float) -> int:
        swarm = self.swarm
        if now < swarm.origin_rest_until or not origin_budget.may_read(swarm, member, 1):
            return NO_SOURCE
        return ORIGIN

    def _load(self, node: int) -> float:
        """Promises of a node with one more, over its share of the fastest uplink."""
        peer = self.swarm.members[node]
        return (peer.promised + 1) / peer.up_share
