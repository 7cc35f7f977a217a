"""Chooses the source of a single order: the least loaded of a few nodes, or the origin.

With zones, a source in the node's own zone is preferred. One in another zone is chosen if it is far
less busy.
"""

from __future__ import annotations

import math

from xfd_scheduler.policy.limits import delays_others, promise_limit
from xfd_scheduler.state import origin_budget
from xfd_scheduler.state.attempts import NO_ATTEMPTS
from xfd_scheduler.state.bitset import positions, sample
from xfd_scheduler.state.keys import NO_SOURCE, ORIGIN, key_of, pair_of
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.relay_paths import is_fed
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.tuning import (
    OTHER_ZONE_LOAD,
    RELAY_LOAD,
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
        holding = swarm.holders[chunk] & ~(swarm.banned | swarm.silent)
        pending = swarm.pending[chunk]
        attempts = swarm.attempts.get(key_of(member.index, chunk), NO_ATTEMPTS)
        if attempts.prefers_origin(self.settings.attempts):
            source = self._origin(member, now)
            if source != NO_SOURCE:
                return source
        is_patient = not attempts.may_read(self.settings.attempts)
        zone = swarm.zone_mask(member)
        stays_inside = self.settings.origin_policy == "once-per-zone" and attempts == NO_ATTEMPTS
        if zone and stays_inside and not (holding | pending) & zone:
            return self._origin(member, now)
        best = self.soonest(member, chunk, now, zone if zone and stays_inside else -1)
        if best != NO_SOURCE:
            return best
        asked = zone if zone and stays_inside else -1
        if is_patient and (
            holding & asked
            or any(is_fed(swarm, node, chunk, member.index) for node in positions(pending & asked))
        ):
            return NO_SOURCE
        return self._origin(member, now)

    def soonest(self, member: Member, chunk: int, now: float, among: int = -1) -> int:
        """The least loaded peer of the bit set `among` that holds the chunk or will.

        One in another zone is chosen if it is far less loaded. `NO_SOURCE` if there is no peer.
        """
        zone = self.swarm.zone_mask(member)
        if not zone:
            return self._soonest(member, chunk, now, among)[0]
        near, near_load = self._soonest(member, chunk, now, among & zone)
        far, far_load = self._soonest(member, chunk, now, among & ~zone)
        return far if far_load * OTHER_ZONE_LOAD < near_load else near

    def _soonest(self, member: Member, chunk: int, now: float, among: int) -> tuple[int, float]:
        """The least loaded holder, or a relay that is less loaded than a busy one; and its load."""
        swarm = self.swarm
        able = among & swarm.available
        holder = self.least_loaded(member, swarm.holders[chunk] & able, now, None)
        load = math.inf if holder == NO_SOURCE else self._load(holder)
        if load <= RELAY_LOAD:
            return holder, load
        relay = self.least_loaded(member, swarm.pending[chunk] & able, now, chunk)
        if relay != NO_SOURCE and self._load(relay) < load:
            return relay, self._load(relay)
        return holder, load

    def other_peer(self, member: Member, chunk: int, before: int, now: float) -> int:
        """The best peer except the source `before`."""
        among = -1 if before == ORIGIN else ~self.swarm.members[before].bit
        return self.soonest(member, chunk, now, among)

    def least_loaded(
        self,
        member: Member,
        candidates: int,
        now: float,
        relayed: int | None,
    ) -> int:
        """The least loaded of a few nodes of the bit set `candidates`, or `NO_SOURCE`.

        Args:
            member: the node that asks.
            candidates: nodes that hold the chunk, or will.
            now: the time.
            relayed: the chunk, if they will hold it: these must not wait for `member`.
        """
        swarm = self.swarm
        if not candidates:
            return NO_SOURCE
        # The generator of ANSI C's rand().
        self._random = (self._random * 1103515245 + 12345) & 0x7FFFFFFF
        best = NO_SOURCE
        least = 0.0
        for node in sample(candidates, self._random % swarm.next_index, SOURCE_CANDIDATES):
            peer = swarm.members[node]
            if peer.promised >= promise_limit(swarm, peer):
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

    def _origin(self, member: Member, now: float) -> int:
        swarm = self.swarm
        if now < swarm.origin_rest_until or not origin_budget.may_read(swarm, member, 1):
            return NO_SOURCE
        return ORIGIN

    def _load(self, node: int) -> float:
        """Promises of a node with one more, over its share of the fastest uplink."""
        peer = self.swarm.members[node]
        return (peer.promised + 1) / peer.up_share
