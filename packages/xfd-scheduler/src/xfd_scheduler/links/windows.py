"""A node's rate, and how much work it and the swarm should have in flight."""

from __future__ import annotations

import math

from xfd_scheduler.bounds import EXCHANGES_PER_S
from xfd_scheduler.settings import SchedulerSettings
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.tuning import (
    AHEAD,
    ASSUMED_ORIGIN_WAIT_S,
    DRIFT,
    FIRST_ORIGIN_READS,
    FIRST_READ_SHARE,
    RATE_WEIGHT,
    READ_SHARE,
    ROUND_TRIP_INTERVALS,
    SPAN,
    WATCHED_S,
    WINDOW_GAIN,
    WINDOW_GROWTH_S,
)

MIN_ELAPSED_S = 1e-6
"""A shorter time between two reports is rounding, and no rate is taken over it."""


def report_interval(nodes: int) -> float:
    """Seconds between two exchanges of one node, such that one process serves all nodes.

    >>> report_interval(100)
    0.1
    """
    return nodes / EXCHANGES_PER_S


def assumed_interval(settings: SchedulerSettings, nodes: int) -> float:
    """Seconds between two reports of a node that has not reported yet."""
    configured = settings.report_interval_s
    return report_interval(nodes) if configured is None else configured


def measure(member: Member, now: float, assumed_interval_s: float) -> None:
    """Takes in the time of one report, and the bytes that arrived since the report before.

    A rate is taken over at least two of the longest transfers in it, and two intervals. Streams
    that share a link end together, so a shorter time sees a burst or nothing.
    """
    last = member.last_report
    if last is not None and now > last:
        # A node without news is silent for longer, so the shortest time counts.
        before = member.interval_s or assumed_interval_s
        member.interval_s = min(now - last, (1 + DRIFT) * before)
        member.worked_s += min(now - last, WATCHED_S)
    member.last_report = now
    if member.measured_from is None:
        if not member.measured_bytes:
            return
        member.measured_from = now - member.longest_s
    elapsed = now - member.measured_from
    if elapsed < MIN_ELAPSED_S:
        return
    rate = member.measured_bytes / elapsed
    if elapsed < SPAN * max(member.interval_s or 0.0, member.longest_s):
        if not member.has_rate:
            member.rate = rate
        return
    if member.measured_bytes:
        known = member.rate
        member.rate = rate if known is None else known + RATE_WEIGHT * (rate - known)
        member.has_rate = True
    member.measured_from = now
    member.measured_bytes = 0
    member.longest_s = 0.0


def resize(swarm: SwarmState, member: Member) -> None:
    """Derives the node's queue depth and origin window, after its rates or the swarm changed."""
    member.depth_bytes = depth_bytes(member, swarm.settings, len(swarm.members))
    member.origin_window = node_window(member, swarm.settings, swarm.catalog.mean_size)
    swarm.update_queue_flags(member)


def depth_bytes(member: Member, settings: SchedulerSettings, nodes: int) -> float:
    """Bytes that a node should be ordered to fetch, to be busy until its next orders arrive."""
    interval = member.interval_s or assumed_interval(settings, nodes)
    if member.rate is None:
        return settings.assumed_bytes_per_s * settings.report_intervals * interval
    return member.rate * max(settings.queue_s, settings.report_intervals * interval)


def node_window(member: Member, settings: SchedulerSettings, chunk_bytes: float) -> int:
    """Origin orders that one node may have at a time.

    Few at first: what is ordered cannot be given to nodes that join a moment later. Then twice the
    product of the best rate and the shortest delay seen, which is what the path holds (BBR,
    Cardwell et al., 2016). So the window doubles for as long as more orders bring more bytes.

    The shortest delay is that of a lucky stream, which would close the window again. So the window
    has a floor, which rises to the node's slots while it works.
    """
    if not member.origin_pace or member.rate is None or member.interval_s is None:
        return FIRST_ORIGIN_READS
    delay = member.origin_pace * chunk_bytes + ROUND_TRIP_INTERVALS * member.interval_s
    growth = min(1.0, member.worked_s / WINDOW_GROWTH_S)
    least = FIRST_ORIGIN_READS + growth * max(0, settings.download_slots - FIRST_ORIGIN_READS)
    return max(int(least), math.ceil(WINDOW_GAIN * delay * member.rate / chunk_bytes))


def swarm_window(swarm: SwarmState, want_sets: int) -> int:
    """Origin orders that the swarm may have at a time; `want_sets` different sets are wanted.

    All nodes that want the same chunks receive what one of them reads, at the pace at which it is
    read. A node without a free slot for one of these chunks leaves a part of its link idle. Streams
    from one origin are not equally fast, and those that lag keep their slots for longer. So the
    swarm reads fewer chunks at once than a node has slots, plus what the fastest node receives
    until the first bytes of new orders can arrive; all that for each set.

    Until some node has received something, the swarm reads even fewer: all nodes start at the same
    moment, and nothing older can be passed on meanwhile. The exceptions are:

    - a large swarm, whose nodes report seldom: its first orders have to last for longer;
    - a swarm of several zones: links between zones may be narrower than those to the origin, and
      have to be kept busy;
    - a single node, which has all its slots for the origin;
    - a catalog that the slots have room for: nothing of it would follow.
    """
    settings = swarm.settings
    links = swarm.links
    nodes = len(swarm.members)
    chunk_bytes = swarm.catalog.mean_size
    slots = settings.download_slots
    interval = links.interval_s or assumed_interval(settings, nodes)
    delay = links.origin_wait_s + ROUND_TRIP_INTERVALS * interval
    rate = links.best_rate or settings.assumed_bytes_per_s
    ahead = math.ceil(WINDOW_GAIN * delay * rate / chunk_bytes)
    if nodes > 1 and len(swarm.zones) < 2 and len(swarm.catalog.sizes) > slots:
        share = READ_SHARE
        if not links.best_rate and delay < AHEAD * ASSUMED_ORIGIN_WAIT_S:
            share, ahead = FIRST_READ_SHARE, 0
        slots = math.ceil(share * slots)
    return want_sets * (slots + ahead)
