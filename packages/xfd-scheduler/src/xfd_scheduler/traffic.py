"""What was moved within and across zones, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xfd_api.ids import NodeId
from xfd_api.packed import PackedEvents

GB = 10**9

Moved = Mapping[tuple[str | None, str], int]
"""Bytes from a zone (None: the origin) to a zone."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Of 10**9 bytes each, in whatever currency."""

    origin_per_gb: float = 0.0
    across_zones_per_gb: float = 0.0
    within_zone_per_gb: float = 0.0


def cost(moved: Moved, prices: Prices) -> float:
    """What the traffic costs at these prices, in their currency."""
    total = 0.0
    for (source, target), size in moved.items():
        if source is None:
            price = prices.origin_per_gb
        elif source != target:
            price = prices.across_zones_per_gb
        else:
            price = prices.within_zone_per_gb
        total += price * size / GB
    return total


class Traffic:
    """Adds up what nodes report.

    Attributes:
        moved: see `Moved`.
        zone_of: the zone of each node that ever joined.
    """

    def __init__(self) -> None:
        self.moved: dict[tuple[str | None, str], int] = {}
        self.zone_of: dict[NodeId, str] = {}

    def add(self, node: NodeId, events: PackedEvents) -> None:
        """A node received these chunks."""
        by_source = [0] * len(events.sources)
        for source, size in zip(events.source_of, events.sizes, strict=True):
            by_source[source] += size
        zone = self.zone_of[node]
        for name, size in zip(events.sources, by_source, strict=True):
            key = (None if name is None else self.zone_of.get(name, ""), zone)
            self.moved[key] = self.moved.get(key, 0) + size
