"""Small scenarios in which rules of the scheduler are compared.

Links are mostly scaled down, and steps are coarse, so that one run takes about a second of
processor time. So start and tail are a large part of a run: only differences between two schedulers
mean something. One step or exchange is 0.3 to 1.5 %.
"""

from __future__ import annotations

from typing import Any

from xfd_api.chunks import MIB
from xfd_scheduler import SchedulerSettings
from xfd_scheduler.simulator.scenario import GBIT, Scenario

TUNING_SEEDS = (101, 202, 303)
"""Seeds that rules and constants may be tuned on."""
GOAL_SEEDS = (60217, 88341, 17629, 43973, 95101, 31657)
"""Seeds of rows with goals, on which nothing is tuned. Six random numbers, drawn once."""

_FEW_SLOTS = SchedulerSettings(download_slots=8, upload_slots=16)


def _equal(nodes: int, gigabytes: float, gbit: float, **other: Any) -> Scenario:
    """Chunks of 4 MB, and 8 slots; all links alike, and the origin's too."""
    return _mixed(nodes, gigabytes, (gbit,), **other)


def _mixed(nodes: int, gigabytes: float, gbit: tuple[float, ...], **other: Any) -> Scenario:
    """The same with links of several rates, in turn."""
    links = tuple(rate * GBIT for rate in gbit)
    defaults: dict[str, Any] = {
        "total_bytes": gigabytes * 1e9,
        "chunk_bytes": 4e6,
        "origin": max(links),
        "step_s": 0.02,
        "settings": _FEW_SLOTS,
    }
    return Scenario(nodes, down=links, up=links, **{**defaults, **other})


def _joining(*joins_s: float, **other: Any) -> Scenario:
    """512 MiB to four nodes of 50 MB/s, with 16 slots, that join at these times."""
    return _equal(
        4,
        512 * MIB / 1e9,
        0.4,
        chunk_bytes=4 * MIB,
        joins_s=joins_s,
        settings=SchedulerSettings(),
        **other,
    )


SCENARIOS = {
    "8eq": _equal(8, 0.4, 0.4),
    "64eq": _equal(64, 1.2, 4, step_s=0.01, settings=SchedulerSettings()),
    "64long": _equal(64, 3.6, 4, step_s=0.01, chunk_bytes=12e6),
    "256eq": _equal(256, 1.2, 4, step_s=0.02, settings=SchedulerSettings()),
    "8half": _mixed(8, 0.4, (0.4, 0.1)),
    "8quart": _mixed(8, 0.4, (0.4, 0.4, 0.4, 0.1)),
    "8three": _mixed(8, 0.4, (0.4, 0.1, 0.1, 0.1)),
    "40half": _mixed(40, 1, (4, 1), step_s=0.01),
    "churn": _equal(40, 0.8, 0.4, dying=0.05, joining=0.05),
    "join.3": _joining(0, 0.2, 0.3, 0.4),
    "join1": _equal(6, 0.4, 0.4, joins_s=(0, 0, 0, 0, 1.5, 2)),
    "join3": _joining(0, 3, 3, 3),
    "expect": _joining(0, 0.2, 0.3, 0.4, expected=True),
    "patient": _joining(0, 2, 2, 2, expected=True),
    "zones": _equal(24, 0.8, 4, zones=3, zone_link=8 * GBIT, step_s=0.01),
    "packs": _equal(40, 4000 * 65536 / 1e9, 0.4, files=4000, chunk_bytes=8e6),
    "slowO": _equal(8, 0.4, 0.4, origin=0.1 * GBIT),
    "quickO": _equal(16, 0.4, 0.4, origin=4 * GBIT),
    "1chunk": _equal(200, 0.004, 0.4, step_s=0.002),
    "drop": _equal(12, 0.4, 0.4, stragglers=1 / 12),
    "drop16": _equal(
        12,
        2.4,
        4,
        chunk_bytes=8e6,
        stragglers=1 / 12,
        step_s=0.01,
        settings=SchedulerSettings(),
    ),
    "starve": _equal(8, 1, 0.4, starving=0.005),
    "uneven": _equal(12, 0.6, 0.4, uneven=1.0),
    "unhalf": _mixed(8, 0.4, (0.4, 0.1), uneven=1.0),
    "fail": _equal(12, 0.6, 0.4, failing=0.03),
}
"""By the name that docs/scheduler.md has for it."""
