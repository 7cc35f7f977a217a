"""How fast a node receives, and how much work it should therefore have."""

from __future__ import annotations

import math

from xfd_scheduler.links.estimate import Speeds
from xfd_scheduler.settings import SchedulerSettings
from xfd_scheduler.state.node import Member
from xfd_scheduler.tuning import (
    EXCHANGES_PER_S,
    FIRST_ORIGIN_READS,
    FIRST_READ_SHARE,
    INTERVAL_DRIFT,
    MAX_WORK_PER_REPORT_S,
    RATE_INTERVALS,
    RATE_TRANSFERS,
    RATE_WEIGHT,
    READ_SHARE,
    ROUND_TRIP_INTERVALS,
    SHORT_WAIT_S,
    WINDOW_GAIN,
    WINDOW_GROWTH_S,
)


def report_interval(nodes: int) -> float:
    """Seconds between two exchanges of one node, so that Ray carries those of all nodes."""
    return nodes / EXCHANGES_PER_S


def moving(before: float | None, measured: float) -> float:
    """An exponentially weighted moving average."""
    return measured if before is None else before + RATE_WEIGHT * (measured - before)


def measure(member: Member, now: float, assumed_interval_s: float) -> None:
    """Takes in one report's time and the bytes that arrived since the report before it.

    A rate is taken over at least two of the longest transfers in it: streams that share a link end
    together, so a shorter time sees a burst or nothing.
    """
    last = member.last_report
    if last is not None and now > last:
        # A node that has nothing to say is silent for longer, so the shortest time counts.
        before = member.interval_s or assumed_interval_s
        member.interval_s = min(now - last, (1 + INTERVAL_DRIFT) * before)
        member.worked_s += min(now - last, MAX_WORK_PER_REPORT_S)
    member.last_report = now
    if member.measured_from is None:
        if not member.received_bytes:
            return
        member.measured_from = now - member.longest_s
    elapsed = now - member.measured_from
    if elapsed < 1e-6:
        return
    measured = member.received_bytes / elapsed
    if elapsed < max(
        RATE_INTERVALS * (member.interval_s or 0.0), RATE_TRANSFERS * member.longest_s
    ):
        if not member.has_rate:
            member.down = measured
        return
    if member.received_bytes:
        member.down = moving(member.down, measured)
        member.has_rate = True
    member.measured_from = now
    member.received_bytes = 0
    member.longest_s = 0.0


def node_window(member: Member, settings: SchedulerSettings, chunk_bytes: float) -> int:
    """Origin orders that one node may have at a time.

    Few at first: what is ordered cannot be given to nodes that join a moment later. Twice what is
    under way at the best rate and the shortest delay seen (their product is what fills the way; see
    Cardwell et al., BBR, 2016), so it doubles for as long as more orders bring more bytes. The
    streams of a node differ, and the shortest delay is that of a lucky one, which would close the
    window again; so it is never less than a number that rises to the node's slots while it works.
    """
    if not member.origin_pace or member.down is None or member.interval_s is None:
        return FIRST_ORIGIN_READS
    delay = member.origin_pace * chunk_bytes + ROUND_TRIP_INTERVALS * member.interval_s
    share = min(1.0, member.worked_s / WINDOW_GROWTH_S)
    least = FIRST_ORIGIN_READS + share * max(0, settings.download_slots - FIRST_ORIGIN_READS)
    return max(int(least), math.ceil(WINDOW_GAIN * delay * member.down / chunk_bytes))


def swarm_window(
    speeds: Speeds,
    settings: SchedulerSettings,
    nodes: int,
    zones: int,
    want_sets: int,
    chunk_bytes: float,
) -> int:
    """Origin orders that the swarm may have at a time.

    All nodes that want the same receive what one of them reads, at the pace at which it is read: a
    node that has no slot left for one of these chunks leaves a part of its link idle. So they are
    fewer than a node has slots, for streams from one origin are not all equally quick, and those
    that lag take their slots for longer. With them goes what the fastest node receives until the
    first bytes of new orders can be there. And this for each of the sets of chunks that are wanted.

    Until somebody has received something, fewer still: all begin at the same moment, and nothing
    that was read before can be passed on meanwhile. In a large swarm, whose nodes report seldom,
    the first orders have to last for longer than that. Nor are there fewer where chunks cross from
    zone to zone, over links that may be narrower than those to the origin and are to be kept busy;
    and a node that is alone has all its slots for the origin.
    """
    slots = settings.download_slots
    interval = speeds.interval_s or assumed_interval(settings, nodes)
    delay = speeds.origin_wait_s + ROUND_TRIP_INTERVALS * interval
    rate = speeds.down or settings.assumed_bytes_per_s
    ahead = math.ceil(WINDOW_GAIN * delay * rate / chunk_bytes)
    if nodes > 1 and zones < 2:
        share = READ_SHARE
        if not speeds.down and delay < SHORT_WAIT_S:
            share, ahead = FIRST_READ_SHARE, 0
        slots = math.ceil(share * slots)
    return want_sets * (slots + ahead)


def assumed_interval(settings: SchedulerSettings, nodes: int) -> float:
    """Seconds between two reports of a node that has not reported yet."""
    told = settings.report_interval_s
    return report_interval(nodes) if told is None else told


def depth_bytes(member: Member, settings: SchedulerSettings, nodes: int) -> float:
    """Bytes that the node should be ordered to fetch, to be busy until its next orders come."""
    interval = member.interval_s or assumed_interval(settings, nodes)
    if member.down is None:
        return settings.assumed_bytes_per_s * settings.report_intervals * interval
    return member.down * max(settings.queue_s, settings.report_intervals * interval)
