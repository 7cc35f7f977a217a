"""Finds nodes whose links became slow, by how little they receive beside others.

After a link drops to a tenth, its streams end ten times later. Until then no stream says so, while
all nodes below wait. So at intervals this module compares what nodes received lately. A node that
received far less than the fastest is slow, if it fetches from several sources that have their
chunks: its own link is slow then, and not theirs.
"""

from __future__ import annotations

from collections import deque

from xfd_scheduler.links.estimate import LinkEstimator, reference
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.keys import ORIGIN
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.tuning import (
    FAST_AGAIN_SHARE,
    MIN_SAMPLES,
    MOST,
    RECEIVED_LOOKS,
    SLOW_TOTAL_SHARE,
    SPAN,
    WATCHED_S,
)


class SlowReceivers:
    """Compares nodes at intervals."""

    def __init__(self, swarm: SwarmState, estimator: LinkEstimator) -> None:
        self.swarm = swarm
        self._estimator = estimator
        self._next = 0.0
        self._received: deque[tuple[float, dict[int, int]]] = deque()
        """Times, and what each node had received by then, as far back as matters."""
        self._busy_since: dict[int, float] = {}
        """Since when nodes that receive little are known to have enough orders."""
        self._fast = 0
        """Nodes that once received about as much as the fastest, as a bit set."""

    def look(self, now: float) -> None:
        """Estimates nodes that receive far less than others anew, if it is time to look."""
        swarm = self.swarm
        if now < self._next or not swarm.pending_chunks:
            return
        self._next = now + WATCHED_S / RECEIVED_LOOKS
        members = swarm.members.values()
        received = {member.index: member.received_bytes for member in members}
        self._received.append((now, received))
        usual_s = SPAN * swarm.links.typical_pace * swarm.catalog.mean_size
        window_s = max(WATCHED_S, usual_s)
        while len(self._received) > 1 and self._received[1][0] <= now - window_s:
            self._received.popleft()
        then, before = self._received[0]
        if then > now - window_s:
            return
        fetched = {node: received[node] - size for node, size in before.items() if node in received}
        most = -(reference([-size for size in fetched.values()]) or 0.0)
        if most < SPAN * swarm.catalog.mean_size:
            return
        for node, size in fetched.items():
            member = swarm.members[node]
            if size >= FAST_AGAIN_SHARE * most:
                self._fast |= member.bit
            if size >= SLOW_TOTAL_SHARE * most or not self._is_busy(member):
                self._busy_since.pop(node, None)
                continue
            since = self._busy_since.setdefault(node, now)
            if now - since >= MOST * window_s:
                was_fast = bool(self._fast & member.bit)
                self._estimator.add_shortfall(member, size / most, was_fast=was_fast)

    def _is_busy(self, member: Member) -> bool:
        """Whether the node has many orders, from several sources that have the chunks."""
        swarm = self.swarm
        if member.samples < MIN_SAMPLES:
            return False
        sources = []
        for chunk in positions(swarm.pending_chunks & member.wants):
            if swarm.pending[chunk] & member.bit:
                source = swarm.source_of(member.index, chunk)
                if source == ORIGIN or swarm.holders[chunk] >> source & 1:
                    sources.append(source)
        enough = len(sources) >= MOST * swarm.settings.download_slots
        return enough and len(set(sources)) > 1
