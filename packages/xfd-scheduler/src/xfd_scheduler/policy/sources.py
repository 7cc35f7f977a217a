"""Chooses the source of a single order: the least loaded of a few nodes, or the origin.

Sources in the node's own zone come first.
"""

from __future__ import annotations

import math

from xfd_scheduler.bounds import SOURCE_CANDIDATES
from xfd_scheduler.policy.limits import delays_others, promise_limit
from xfd_scheduler.state import origin_budget
from xfd_scheduler.state.attempts import NO_ATTEMPTS
from xfd_scheduler.state.bitset import positions, sample
from xfd_scheduler.state.keys import NO_SOURCE, ORIGIN, key_of, pair_of
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.relay_paths import is_fed
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.tuning import RELAY_LOAD


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
        holding = swarm.holders[chunk] & ~swarm.unusable
        pending = swarm.pending[chunk]
        attempts = swarm.attempts.get(key_of(member.index, chunk), NO_ATTEMPTS)
        if attempts.prefers_origin(self.settings.attempts):
            source = self._origin(member, now)
            if source != NO_SOURCE:
                return source
        is_patient = not attempts.may_read(self.settings.attempts)
        stays_inside = self.settings.origin_policy == "once-per-zone" and attempts == NO_ATTEMPTS
        asked = (swarm.zone_mask(member) or -1) if stays_inside else -1
        best = self.soonest(member, chunk, now, asked)
        if best != NO_SOURCE:
            return best
        if is_patient and (
            holding & asked
            or any(is_fed(swarm, node, chunk, member.index) for node in positions(pending & asked))
        ):
            return NO_SOURCE
        return self._origin(member, now)

    def soonest(self, member: Member, chunk: int, now: float, among: int = -1) -> int:
        """The least loaded peer of a bit set that holds the chunk or will, or `NO_SOURCE`.

        Relays count only if all holders are busy, and nodes of other zones if none in the own zone
        can send. A few peers of each kind are compared.
        """
        swarm = self.swarm
        zone = swarm.zone_mask(member)
        for part in (zone, ~zone) if zone else (-1,):
            able = among & part & swarm.available
            best = NO_SOURCE
            least = math.inf
            for candidates in (swarm.holders[chunk] & able, swarm.pending[chunk] & able):
                for node in self._few_of(candidates):
                    load = self._load(node)
                    if load < least and self._can_send(node, member, chunk, now):
                        best, least = node, load
                if least <= RELAY_LOAD:
                    break
            if best != NO_SOURCE:
                return best
        return NO_SOURCE

    def _few_of(self, candidates: int) -> list[int]:
        """Some nodes of a bit set."""
        if not candidates:
            return []
        # The generator of ANSI C's rand().
        self._random = (self._random * 1103515245 + 12345) & 0x7FFFFFFF
        return sample(candidates, self._random % self.swarm.next_index, SOURCE_CANDIDATES)

    def _can_send(self, node: int, member: Member, chunk: int, now: float) -> bool:
        """Whether a node that holds the chunk, or will, can send it to the member."""
        swarm = self.swarm
        peer = swarm.members[node]
        if peer.promised >= promise_limit(swarm, peer):
            return False
        if swarm.resting_pairs.get(pair_of(member.index, node), 0.0) > now:
            return False
        if swarm.holders[chunk] & peer.bit:
            return True
        is_late = delays_others(swarm, peer) and not member.missed
        return not is_late and is_fed(swarm, node, chunk, member.index)

    def _origin(self, member: Member, now: float) -> int:
        swarm = self.swarm
        if now < swarm.origin_rest_until or swarm.silent & member.bit:
            return NO_SOURCE
        if not origin_budget.may_read(swarm, member, 1):
            return NO_SOURCE
        return ORIGIN

    def _load(self, node: int) -> float:
        """Promises of a node with one more, over its share of the fastest uplink."""
        peer = self.swarm.members[node]
        return (peer.promised + 1) / peer.up_share
