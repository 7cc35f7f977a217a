"""How fast each node is, from what it reports, and how much work it should therefore have."""

from __future__ import annotations

from xfd_scheduler.member import Member
from xfd_scheduler.settings import SchedulerSettings

WEIGHT = 0.3
"""Share of the newest measurement in a moving average."""


def moving(before: float | None, measured: float) -> float:
    """An exponentially weighted moving average."""
    return measured if before is None else before + WEIGHT * (measured - before)


def measure(member: Member, now: float) -> None:
    """Takes in one report's time and the bytes that arrived since the report before it."""
    last = member.last_report
    if last is None:
        member.last_report = now
        member.received_bytes = 0
        return
    elapsed = now - last
    if elapsed <= 0.0:
        return
    member.interval_s = moving(member.interval_s, elapsed)
    if member.received_bytes:
        measured = member.received_bytes / elapsed
        member.down = moving(member.down, measured)
        member.received_bytes = 0
    member.last_report = now


def depth_bytes(member: Member, settings: SchedulerSettings, nodes: int) -> float:
    """Bytes that the node should be ordered to fetch, to be busy until its next orders come."""
    interval = member.interval_s
    if interval is None:
        interval = settings.report_interval_s
    if interval is None:
        interval = nodes / 1000.0
    rate = member.down if member.down is not None else settings.assumed_bytes_per_s
    return rate * max(settings.queue_s, settings.report_intervals * interval)
