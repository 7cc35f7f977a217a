"""How fast each node is, from what it reports, and how much work it should therefore have.

What a node moved between two reports says how much work it needs, not how fast its links are: in a
swarm that goes in step everybody moves what the slowest link on the way lets through. Its streams
say that: all streams of a slow link are slow, while a node that waits for a slow source now and
then has fast ones as well. So the average pace of a node's streams (seconds per byte) is followed,
for what it receives and what it sends, and compared with the pace that a quarter of the nodes keep.
Rates that were told (`NodeTraits`) go before all that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from xfd_api.ids import NodeId
from xfd_api.reports import ChunkHeld, NodeEvent
from xfd_scheduler.member import Member
from xfd_scheduler.settings import SchedulerSettings

WEIGHT = 0.3
"""Share of the newest measurement in a moving average."""
SLOWLY = 0.05
"""The same, for the pace of streams."""
ENOUGH = 12
"""Streams of a node that make its average worth something."""
SAMPLES = 4
"""Chunks of one report that are looked at, about."""
ALIKE = 0.5
"""Nodes this close to what is usual count as equally fast."""
INTERVALS = 4
"""Report intervals that a rate is taken over, at least."""
DRIFT = 0.05
FIRST_READS = 4
"""Origin orders of a node that nothing is known of."""
ROUND_TRIP = 2.0
"""Report intervals from the arrival of a chunk to the arrival of the order that follows it."""
MOST = 0.5
LEAST_SHARE = 1 / 64


def moving(before: float | None, measured: float) -> float:
    """An exponentially weighted moving average."""
    return measured if before is None else before + WEIGHT * (measured - before)


class Speeds:
    """Compares the nodes' streams with the swarm's faster ones, and keeps shares and classes."""

    def __init__(self) -> None:
        self.best_up = 0.0
        self.best_down = 0.0
        self.down = 0.0
        """The most that a node receives, bytes per second; 0 until it is known."""
        self.interval_s = 0.0
        """The shortest time between two reports of a node; 0 until it is known."""
        self._usual_sending = 0.0
        self._usual_receiving = 0.0
        self._until_next = 0
        self.fast_ones_suffice = True
        """Whether the nodes that count as fast have most of the swarm's uplink. Where they do not,
        classes are of no use for a tree: the few at its top would carry everything."""

    def told(self, member: Member) -> None:
        """A node joined; its traits may say how fast it is."""
        self.best_up = max(self.best_up, member.traits.up_bytes_per_s or 0.0)
        self.best_down = max(self.best_down, member.traits.down_bytes_per_s or 0.0)
        self.judge(member)

    def sample(
        self, member: Member, events: Sequence[NodeEvent], peers: Mapping[NodeId, Member]
    ) -> None:
        """Looks at a few of a report's chunks."""
        for event in events[:: max(1, len(events) // SAMPLES)]:
            if not isinstance(event, ChunkHeld) or event.transfer_seconds <= 0.0 or not event.size:
                continue
            pace = event.transfer_seconds / event.size
            member.longest_s = max(member.longest_s, event.transfer_seconds)
            member.receiving = _followed(member.receiving, pace, member.receipts)
            member.receipts += 1
            if event.source is None:
                member.origin_pace = min(member.origin_pace or pace, pace)
                continue
            peer = peers.get(event.source)
            if peer is not None:
                peer.sending = _followed(peer.sending, pace, peer.sendings)
                peer.sendings += 1
        self._until_next -= 1
        if self._until_next <= 0:
            self._compare(peers)

    def judge(self, member: Member) -> None:
        """Derives the node's share and class."""
        up = member.traits.up_bytes_per_s
        if up is not None:
            member.up_share = max(LEAST_SHARE, up / self.best_up)
        elif member.sendings >= ENOUGH and self._usual_sending:
            member.up_share = _share(self._usual_sending / member.sending)
        down = member.traits.down_bytes_per_s
        ratio = 1.0
        if down is not None:
            ratio = _share(down / self.best_down)
        elif member.receipts >= ENOUGH and self._usual_receiving:
            ratio = _share(self._usual_receiving / member.receiving)
        ratio = min(ratio, member.up_share)
        member.speed_class = 0 if ratio > ALIKE else max(1, round(-math.log2(ratio)))

    def _compare(self, members: Mapping[NodeId, Member]) -> None:
        """Looks at all nodes, once for as many reports as there are nodes."""
        self._until_next = len(members)
        told = members.values()
        self.down = max((m.down for m in told if m.down is not None), default=0.0)
        self.interval_s = min((m.interval_s for m in told if m.interval_s), default=0.0)
        self._usual_sending = _quick([m.sending for m in told if m.sendings >= ENOUGH])
        self._usual_receiving = _quick([m.receiving for m in told if m.receipts >= ENOUGH])
        for member in told:
            self.judge(member)
        fast = sum(member.up_share for member in told if not member.speed_class)
        self.fast_ones_suffice = fast >= MOST * sum(member.up_share for member in told)


def _followed(before: float, measured: float, count: int) -> float:
    """A plain average at first, a moving one later."""
    return before + max(SLOWLY, 1.0 / (count + 1)) * (measured - before)


def _share(ratio: float) -> float:
    return 1.0 if ratio > ALIKE else max(LEAST_SHARE, ratio)


def _quick(paces: list[float]) -> float:
    """The pace that a quarter of the nodes keep, seconds per byte; 0 where too few are known."""
    return sorted(paces)[len(paces) // 4] if len(paces) > 1 else 0.0


def measure(member: Member, now: float) -> None:
    """Takes in one report's time and the bytes that arrived since the report before it.

    A rate is taken over at least two of the longest transfers in it: streams that share a link end
    together, so a shorter time sees a burst or nothing.
    """
    last = member.last_report
    if last is not None and now > last:
        # A node that has nothing to say is silent for longer, so the shortest time counts.
        elapsed, before = now - last, member.interval_s
        member.interval_s = elapsed if before is None else min(elapsed, before + DRIFT * elapsed)
    member.last_report = now
    if member.measured_from is None:
        if member.received_bytes:
            member.measured_from = now - member.longest_s
        return
    elapsed = now - member.measured_from
    if elapsed < max(INTERVALS * (member.interval_s or 0.0), 2.0 * member.longest_s, 1e-6):
        return
    if member.received_bytes:
        member.down = moving(member.down, member.received_bytes / elapsed)
    member.measured_from = now
    member.received_bytes = 0
    member.longest_s = 0.0


def node_window(member: Member, chunk_bytes: float) -> int:
    """Origin orders that one node may have at a time.

    Few at first: what is ordered cannot be given to nodes that join a moment later. Twice what is
    under way at the best rate and the shortest delay seen (their product is what fills the way; see
    Cardwell et al., BBR, 2016), so it doubles for as long as more orders bring more bytes.
    """
    if not member.origin_pace or member.down is None or member.interval_s is None:
        return FIRST_READS
    delay = member.origin_pace * chunk_bytes + ROUND_TRIP * member.interval_s
    return max(FIRST_READS, math.ceil(2 * member.down * delay / chunk_bytes))


def swarm_window(
    speeds: Speeds, settings: SchedulerSettings, nodes: int, chunk_bytes: float
) -> int:
    """Origin orders that the swarm may have at a time.

    All nodes receive what some node reads, so more chunks on their way than a node receives at once
    would only slow each other down: as many as a node has slots, and what the fastest node
    receives until new orders can be there.
    """
    interval = speeds.interval_s or assumed_interval(settings, nodes)
    rate = speeds.down or settings.assumed_bytes_per_s
    return settings.download_slots + math.ceil(ROUND_TRIP * interval * rate / chunk_bytes)


def assumed_interval(settings: SchedulerSettings, nodes: int) -> float:
    """Seconds between two reports of a node that has not reported yet."""
    told = settings.report_interval_s
    return nodes / 1000.0 if told is None else told


def depth_bytes(member: Member, settings: SchedulerSettings, nodes: int) -> float:
    """Bytes that the node should be ordered to fetch, to be busy until its next orders come."""
    interval = member.interval_s
    if interval is None:
        interval = assumed_interval(settings, nodes)
    if member.down is None:
        return settings.assumed_bytes_per_s * settings.report_intervals * interval
    return member.down * max(settings.queue_s, settings.report_intervals * interval)
