"""Finds nodes with slow links, from the pace of the chunks that they receive.

Nodes pass chunks on while they receive them, so every node below a slow link is slow. Neither a
node's rate nor the average pace of its streams says whose link it is. Its fast streams do: a node
that waits for slow sources now and then has fast streams as well, while all streams of a slow link
are slow. So the estimate follows a low quantile of the pace (seconds per byte), divided by the
streams that the node may have at once. The eighth of the nodes that is fastest gives the reference.
For a slow link the estimate is about the link's rate, for a fast one it is more.

Streams share a real link unequally, so a lucky stream of a slow link may be as fast as those of a
fast one. What a node receives in total corrects that: a node that had enough orders and received
far less than others is slow, because slow sources are the same for all.

Configured rates (`NodeTraits`) replace all that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from xfd_api.ids import NodeId
from xfd_api.wire_format import EventColumns
from xfd_scheduler.bounds import MIN_TRANSFER_S, MIN_UP_SHARE, SAMPLED_CHUNKS
from xfd_scheduler.state.link_speeds import LinkSpeeds
from xfd_scheduler.state.node import Member
from xfd_scheduler.tuning import (
    BURST_HALF_LIFE_S,
    DRIFT,
    FAST_AGAIN_SHARE,
    FAST_STREAM_QUANTILE,
    MEDIAN_STEP,
    MIN_SAMPLES,
    MOST,
    QUANTILE_STEP,
    REFERENCE_NODES_DIVISOR,
    SLOW_SHARE,
    SLOW_TOTAL_SHARE,
    WATCHED_S,
)


class LinkEstimator:
    """Compares the nodes' links, and keeps their shares and classes, and the swarm's figures."""

    def __init__(self, links: LinkSpeeds) -> None:
        self.links = links
        self._sample_mask = 0
        """Chunks with none of these bits in their index are in the sample."""
        self._configured_up = 0.0
        self._configured_down = 0.0
        """The best configured rates."""
        self._reference_pace: float | None = None
        self._reference_rate = 0.0
        self._reference_burst = 0.0
        self._streams = 1
        """Streams that the node of the latest report may have had."""
        self._reports_left = 0
        """Reports until all nodes are compared again."""

    def grow(self, chunks: int) -> None:
        """The catalog has so many chunks now."""
        self._sample_mask = (1 << max(0, (chunks // SAMPLED_CHUNKS).bit_length() - 1)) - 1

    def add_node(self, member: Member, members: Iterable[Member]) -> None:
        """A node joined; its configured rates may say that others are slow."""
        self.links.are_alike = False
        before = self._configured_up, self._configured_down
        self._configured_up = max(before[0], member.traits.up_bytes_per_s or 0.0)
        self._configured_down = max(before[1], member.traits.down_bytes_per_s or 0.0)
        changed = (self._configured_up, self._configured_down) != before
        for one in members if changed else (member,):
            self.classify(one)

    def add_report(
        self,
        member: Member,
        events: EventColumns,
        streams: int,
        peers: Mapping[NodeId, Member],
        now: float,
    ) -> None:
        """Takes in the chunks of a report that are in the sample.

        Args:
            member: the node that reports.
            events: its report.
            streams: how many streams, which share its link, it may have had at once.
            peers: all nodes.
            now: when the report arrived.
        """
        self._streams = streams
        streams_log = math.log2(max(1, streams))
        mask = self._sample_mask
        order_pace = longest = 0.0
        before = member.samples
        for row in [row for row, chunk in enumerate(events.chunks) if not chunk & mask]:
            size = events.sizes[row]
            # A chunk that was there already moved nothing, and says nothing of any link.
            if not size or not events.transfer_seconds[row]:
                continue
            took = max(events.transfer_seconds[row], MIN_TRANSFER_S)
            order_pace = max(events.seconds[row], took) / size
            pace = math.log2(took / size) - streams_log
            member.longest_s = max(member.longest_s, took)
            longest = max(longest, took)
            member.recent_transfers.append((now, took, size * (mask + 1)))
            member.pace = follow_quantile(member.pace, pace, member.samples)
            member.samples += 1
            if events.sources[events.source_of[row]] is None:
                self._add_origin_read(member, events, row, took)
        if order_pace:  # One of a report is enough.
            member.typical_pace = follow_median(member.typical_pace, order_pace)
            self.links.typical_pace = follow_median(self.links.typical_pace, order_pace)
            self._update_burst(member, now, longest)
        self._reports_left -= 1
        if self._reports_left <= 0:
            self._compare(peers)
        elif before < MIN_SAMPLES <= member.samples:
            # Streams that share a link end together, and the node is given more orders at once.
            self.classify(member)

    def add_shortfall(self, member: Member, share: float, *, was_fast: bool) -> None:
        """A busy node lately received this share of what the fastest nodes did.

        If it was as fast as they before, orders that it has already are late.
        """
        share = max(MIN_UP_SHARE, share)
        if self._reference_pace is not None:
            member.pace = max(member.pace, self._reference_pace - math.log2(share))
        if member.rate is not None:
            member.rate = min(member.rate, share * self._reference_rate)
        self.classify(member)
        if member.speed_class and was_fast:
            self.links.slowed |= member.bit

    def _add_origin_read(
        self, member: Member, events: EventColumns, row: int, took_s: float
    ) -> None:
        waited = events.seconds[row] - events.transfer_seconds[row]
        self.links.origin_wait_s += DRIFT * (waited - self.links.origin_wait_s)
        pace = took_s / events.sizes[row]
        member.origin_pace = min((1 + DRIFT) * member.origin_pace or pace, pace)

    def _update_burst(self, member: Member, now: float, longest_s: float) -> None:
        """Updates the node's total rate over the longest transfer of a report.

        Bytes that are still in flight are not counted, so it is at most the node's rate.
        """
        # Transfers of one report may have ended at any time since the report before.
        uncertain_s = now - (member.last_report or now)
        window = max(longest_s, uncertain_s)
        moved = 0.0
        for end, took, size in member.recent_transfers:
            seconds = max(took, uncertain_s)
            overlap = min(end, now) - max(end - seconds, now - window)
            if overlap > 0:
                moved += size * overlap / seconds
        if window > 0:
            faded = member.burst_rate * 2.0 ** (-uncertain_s / BURST_HALF_LIFE_S)
            member.burst_rate = max(faded, moved / window)

    def classify(self, member: Member) -> None:
        """Derives the node's share of the fastest uplink and its speed class.

        A node cannot pass on faster than it receives. The other direction of a link is assumed to
        be as slow, unless it is configured.
        """
        up = _share_of(member.traits.up_bytes_per_s, self._configured_up) or 1.0
        down = _share_of(member.traits.down_bytes_per_s, self._configured_down)
        if down is None:
            down = self._estimated_share(member)
        share = min(up, down)
        before = member.speed_class
        if share > (FAST_AGAIN_SHARE if before else SLOW_SHARE):
            share = 1.0
        member.up_share = share
        member.speed_class = 0 if share == 1.0 else max(1, round(-math.log2(share)))
        if member.speed_class != before:
            self.links.classes_changed = True
        if member.speed_class:
            self.links.are_alike = False
        else:
            self.links.slowed &= ~member.bit

    def _estimated_share(self, member: Member) -> float:
        """The downlink as a share of the reference, by fast streams and by the total rate.

        The total counts if it is about that of fast nodes, over one transfer too, or if a busy
        node's is far less.
        """
        if self._reference_pace is None or member.samples < MIN_SAMPLES:
            return 1.0
        share: float = 2.0 ** (self._reference_pace - member.pace)
        if member.rate and self._reference_rate and member.worked_s >= WATCHED_S:
            total = member.rate / self._reference_rate
            is_fast_burst = member.burst_rate >= FAST_AGAIN_SHARE * self._reference_burst
            if total >= FAST_AGAIN_SHARE and is_fast_burst:
                share = max(share, total)
            if total < SLOW_TOTAL_SHARE and member.queued >= MOST * self._streams:
                share = min(share, total)
        return min(1.0, max(MIN_UP_SHARE, share))

    def _compare(self, members: Mapping[NodeId, Member]) -> None:
        """Compares all nodes, once for as many reports as there are nodes."""
        self._reports_left = len(members)
        every = members.values()
        links = self.links
        links.best_rate = max((m.rate for m in every if m.rate is not None), default=0.0)
        links.interval_s = min((m.interval_s for m in every if m.interval_s), default=0.0)
        known = [m for m in every if m.samples >= MIN_SAMPLES]
        self._reference_rate = -(reference([-m.rate for m in known if m.rate]) or 0.0)
        self._reference_burst = -(reference([-m.burst_rate for m in known]) or 0.0)
        self._reference_pace = reference([m.pace for m in known])
        links.are_alike = len(known) == len(members)
        for member in every:
            self.classify(member)
        fast = sum(member.up_share for member in every if not member.speed_class)
        total = sum(member.up_share for member in every)
        links.classes_apply = fast >= MOST * total


def follow_quantile(before: float, sample: float, count: int) -> float:
    """A low quantile of samples, of which there were `count` before this one.

    At first their minimum. Then a stochastic approximation: a step down for a sample below, a
    smaller one up for a sample above, in balance at `FAST_STREAM_QUANTILE` (Robbins and Monro,
    1951).
    """
    if count < MIN_SAMPLES:
        return min(before, sample) if count else sample
    if sample < before:
        return before - QUANTILE_STEP * (1 - FAST_STREAM_QUANTILE)
    return before + QUANTILE_STEP * FAST_STREAM_QUANTILE


def follow_median(before: float, sample: float) -> float:
    """The median of samples, followed in steps of one size; the first sample if `before` is 0."""
    if not before:
        return sample
    return before * MEDIAN_STEP if sample > before else before / MEDIAN_STEP


def _share_of(rate: float | None, best: float) -> float | None:
    return None if rate is None else max(MIN_UP_SHARE, rate / best)


def reference(values: list[float]) -> float | None:
    """The value that the lowest part of the nodes stays below; None for fewer than two nodes."""
    return sorted(values)[len(values) // REFERENCE_NODES_DIVISOR] if len(values) > 1 else None
