"""Adds up bytes moved within and across zones."""

from __future__ import annotations

from xfd_api.ids import NodeId
from xfd_api.wire_format import EventColumns


class TrafficMeter:
    """Adds up what nodes report.

    Attributes:
        moved: bytes from a zone (None: the origin) to a zone.
        zone_of: the zone of each node that ever joined.
    """

    def __init__(self) -> None:
        self.moved: dict[tuple[str | None, str], int] = {}
        self.zone_of: dict[NodeId, str] = {}

    def add(self, node: NodeId, events: EventColumns) -> None:
        """Adds the chunks of a report; those that took no time were there already."""
        by_source = [0] * len(events.sources)
        for source, size in zip(events.source_of, events.sizes, strict=True):
            by_source[source] += size
        if 0.0 in events.transfer_seconds:
            columns = zip(events.source_of, events.sizes, events.transfer_seconds, strict=True)
            for source, size, took in columns:
                by_source[source] -= 0 if took else size
        zone = self.zone_of[node]
        for name, size in zip(events.sources, by_source, strict=True):
            key = (None if name is None else self.zone_of.get(name, ""), zone)
            self.moved[key] = self.moved.get(key, 0) + size
