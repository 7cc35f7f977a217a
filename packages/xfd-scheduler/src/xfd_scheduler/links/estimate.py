"""Which nodes have slow links, from the pace of the chunks that they receive.

In a swarm whose nodes pass chunks on while they receive them, everybody below a slow link is slow,
so neither a node's rate nor the average pace of its streams says whose link it is. The quick ones
among its streams do: a node that waits for slow sources now and then has quick streams as well,
while all streams of a slow link are slow. So a low quantile of the pace (seconds per byte), times
the streams that the node may have at once, is followed, and compared with the quantile that an
eighth of the nodes keep below. For a slow link it is about the link's rate, for a fast one more.

Streams that share a real link do not share it equally, and a lucky one of a slow link can be as
quick as those of a fast one. So what a node receives in all is looked at as well: where it is far
less than others receive, and the node had orders enough all the time, its link is slow, because
slow sources are the same for everybody.

Rates that were told (`NodeTraits`) go before all that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from xfd_api.ids import NodeId
from xfd_api.wire_format import EventColumns
from xfd_scheduler.state.node import Member
from xfd_scheduler.tuning import (
    ASSUMED_ORIGIN_WAIT_S,
    BURST_HALF_LIFE_S,
    BUSY_QUEUE_DIVISOR,
    FAST_AGAIN_SHARE,
    FAST_STREAM_QUANTILE,
    FAST_UPLINK_SHARE,
    MEDIAN_STEP,
    MIN_SAMPLES,
    MIN_TRANSFER_S,
    MIN_UP_SHARE,
    MIN_WATCHED_S,
    ORIGIN_PACE_DRIFT,
    ORIGIN_WAIT_WEIGHT,
    QUANTILE_STEP,
    REFERENCE_NODES_DIVISOR,
    SAMPLED_CHUNKS,
    SLOW_SHARE,
    SLOW_TOTAL_SHARE,
)


class Speeds:
    """Compares the nodes' links, and keeps shares and classes.

    Attributes:
        down: the most that a node receives, bytes per second; 0 until it is known.
        interval_s: the shortest time between two reports of a node; 0 until it is known.
        origin_wait_s: from a request to the origin to its first byte, on average.
        usual_pace: the median seconds per byte from a request to its end; 0 until it is known.
        sampled: chunks with none of these bits in their index are looked at.
        fast_ones_suffice: whether the nodes that count as fast have most of the swarm's uplink.
            Where they do not, classes are of no use for a tree: the few at its top would carry
            everything.
        are_alike: whether every node's link is known, and none counts as slow.
    """

    def __init__(self) -> None:
        self.best_up = 0.0
        self.best_down = 0.0
        self.down = 0.0
        self.interval_s = 0.0
        self.origin_wait_s = ASSUMED_ORIGIN_WAIT_S
        self.usual_pace = 0.0
        self.sampled = 0
        self.fast_ones_suffice = True
        self.are_alike = False
        self.classes_changed = False
        self._usual: float | None = None
        self._usual_down = 0.0
        self._usual_burst = 0.0
        self._at_once = 1
        self._until_next = 0

    def grow(self, chunks: int) -> None:
        """The catalog has so many chunks now."""
        self.sampled = (1 << max(0, (chunks // SAMPLED_CHUNKS).bit_length() - 1)) - 1

    def told(self, member: Member, members: Iterable[Member]) -> None:
        """A node joined; its traits may say how fast it is, and that others are not."""
        self.are_alike = False
        before = self.best_up, self.best_down
        self.best_up = max(self.best_up, member.traits.up_bytes_per_s or 0.0)
        self.best_down = max(self.best_down, member.traits.down_bytes_per_s or 0.0)
        for one in members if (self.best_up, self.best_down) != before else (member,):
            self.judge(one)

    def sample(
        self,
        member: Member,
        events: EventColumns,
        at_once: int,
        peers: Mapping[NodeId, Member],
        now: float,
    ) -> None:
        """Looks at the chunks of a report that are in the sample.

        `at_once` is how many streams the node may have had, which share its link.
        """
        self._at_once = at_once
        streams = math.log2(max(1, at_once))
        mask = self.sampled
        whole = longest = 0.0
        before = member.samples
        for row in [row for row, chunk in enumerate(events.chunks) if not chunk & mask]:
            size = events.sizes[row]
            # Nothing was moved for a chunk that was found held: that says nothing of any link.
            if not size or not events.transfer_seconds[row]:
                continue
            took = max(events.transfer_seconds[row], MIN_TRANSFER_S)
            whole = max(events.seconds[row], took) / size
            pace = math.log2(took / size) - streams
            member.longest_s = max(member.longest_s, took)
            longest = max(longest, took)
            member.recent.append((now, took, size * (mask + 1)))
            member.pace = followed(member.pace, pace, member.samples)
            member.samples += 1
            if events.sources[events.source_of[row]] is None:
                waited = events.seconds[row] - events.transfer_seconds[row]
                self.origin_wait_s += ORIGIN_WAIT_WEIGHT * (waited - self.origin_wait_s)
                lately = ORIGIN_PACE_DRIFT * member.origin_pace or took / size
                member.origin_pace = min(lately, took / size)
        if whole:  # One of a report is enough.
            member.usual_pace = toward(member.usual_pace, whole)
            self.usual_pace = toward(self.usual_pace, whole)
            self._burst(member, now, longest)
        self._until_next -= 1
        if self._until_next <= 0:
            self._compare(peers)
        elif before < MIN_SAMPLES <= member.samples:
            # The streams that a link shares end together, and at once the node is given more.
            self.judge(member)

    def _burst(self, member: Member, now: float, longest_s: float) -> None:
        """Takes in what the node received in all during the longest transfer of a report.

        What is still on its way is not known and not counted, so it is the node's rate or less.
        """
        # All that was reported at once may have ended at any time since the report before.
        least = now - (member.last_report or now)
        window = max(longest_s, least)
        moved = 0.0
        for end, took, size in member.recent:
            seconds = max(took, least)
            overlap = min(end, now) - max(end - seconds, now - window)
            if overlap > 0:
                moved += size * overlap / seconds
        if window > 0:
            faded = member.burst * 2.0 ** (-least / BURST_HALF_LIFE_S)
            member.burst = max(faded, moved / window)

    def judge(self, member: Member) -> None:
        """Derives the node's share and class."""
        up = _told_or(member.traits.up_bytes_per_s, self.best_up) or 1.0
        down = _told_or(member.traits.down_bytes_per_s, self.best_down)
        if down is None:
            down = _share(member.pace, self._usual, member.samples)
            if (received := self._received(member)) is not None:
                if (
                    received >= FAST_AGAIN_SHARE
                    and member.burst >= FAST_AGAIN_SHARE * self._usual_burst
                ):
                    down = max(down, received)
                if (
                    received < SLOW_TOTAL_SHARE
                    and BUSY_QUEUE_DIVISOR * member.queued >= self._at_once
                ):
                    down = min(down, max(MIN_UP_SHARE, received))
        # What a node receives slowly it cannot pass on fast. That the links of a node are as slow
        # one way as the other is assumed, where nobody tells.
        ratio = min(up, down)
        before = member.speed_class
        if ratio > (FAST_AGAIN_SHARE if before else SLOW_SHARE):
            ratio = 1.0
        member.up_share = ratio
        member.speed_class = 0 if ratio == 1.0 else max(1, round(-math.log2(ratio)))
        if member.speed_class != before:
            self.classes_changed = True
        if member.speed_class:
            self.are_alike = False

    def _received(self, member: Member) -> float | None:
        """What it receives in all, as a share of what quick nodes do; None until that is known."""
        is_known = member.samples >= MIN_SAMPLES and member.worked_s >= MIN_WATCHED_S
        if not is_known or not member.down or not self._usual_down:
            return None
        return min(1.0, member.down / self._usual_down)

    def _compare(self, members: Mapping[NodeId, Member]) -> None:
        """Looks at all nodes, once for as many reports as there are nodes."""
        self._until_next = len(members)
        told = members.values()
        self.down = max((m.down for m in told if m.down is not None), default=0.0)
        self.interval_s = min((m.interval_s for m in told if m.interval_s), default=0.0)
        downs = [m.down for m in told if m.samples >= MIN_SAMPLES and m.down]
        self._usual_down = -(_quick([-down for down in downs]) or 0.0)
        bursts = [-m.burst for m in told if m.samples >= MIN_SAMPLES]
        self._usual_burst = -(_quick(bursts) or 0.0)
        self._usual = _quick([m.pace for m in told if m.samples >= MIN_SAMPLES])
        self.are_alike = all(m.samples >= MIN_SAMPLES for m in told)
        for member in told:
            self.judge(member)
        fast = sum(member.up_share for member in told if not member.speed_class)
        self.fast_ones_suffice = fast >= FAST_UPLINK_SHARE * sum(member.up_share for member in told)


def followed(before: float, sample: float, count: int) -> float:
    """A low quantile of samples, of which there were `count` before this one.

    At first their minimum, then a stochastic approximation: a step down for a sample below, a
    smaller one up for a sample above, in balance at `FAST_STREAM_QUANTILE`
    (Robbins and Monro, 1951).
    """
    if count < MIN_SAMPLES:
        return min(before, sample) if count else sample
    return (
        before - QUANTILE_STEP * (1 - FAST_STREAM_QUANTILE)
        if sample < before
        else before + QUANTILE_STEP * FAST_STREAM_QUANTILE
    )


def toward(before: float, sample: float) -> float:
    """The median of samples, followed by steps of one size; the first sample where 0 is given."""
    if not before:
        return sample
    return before * MEDIAN_STEP if sample > before else before / MEDIAN_STEP


def _told_or(rate: float | None, best: float) -> float | None:
    return None if rate is None else max(MIN_UP_SHARE, rate / best)


def _share(pace: float, usual: float | None, samples: int) -> float:
    if usual is None or samples < MIN_SAMPLES:
        return 1.0
    ratio: float = 2.0 ** (usual - pace)
    return min(1.0, max(MIN_UP_SHARE, ratio))


def _quick(paces: list[float]) -> float | None:
    """What an eighth of the nodes keep below; None where too few are known."""
    return sorted(paces)[len(paces) // REFERENCE_NODES_DIVISOR] if len(paces) > 1 else None
