"""What a node has to report, until the coordinator has acknowledged it. Pure.

Each report has the next number; `ack` is the number of the last report that arrived. After a call
that failed on its way the coordinator asks to have sent again what it did not acknowledge: the next
report then begins with those events. Where that is not known any more there is a gap, and the
report carries all that the node holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from xfd_api.ids import ChunkIndex, ObjectIndex
from xfd_api.node_report import NodeReport
from xfd_api.reports import (
    ChunkHeld,
    ChunkLost,
    HeldRun,
    Inventory,
    NodeCounters,
    NodeEvent,
    ObjectLanded,
)

UNACKNOWLEDGED_REPORTS = 64


class Outbox:
    """Invariant: `_sent` ends with report `_seq` and holds what is not acknowledged, at most 64."""

    def __init__(self) -> None:
        self._seq = 0
        self._new: list[NodeEvent] = []
        self._sent: deque[NodeReport] = deque(maxlen=UNACKNOWLEDGED_REPORTS)
        self._held: dict[ChunkIndex, int | None] = {}
        self._landed: set[ObjectIndex] = set()

    @property
    def has_news(self) -> bool:
        """Whether something happened since the last report."""
        return bool(self._new)

    def take_stock(self, inventory: Inventory) -> None:
        """Remembers what the node found when it was extended."""
        for run in inventory.held:
            for place, crc in enumerate(run.crcs):
                self._held[ChunkIndex(run.first_chunk + place)] = crc
        self._landed.update(inventory.landed)

    def forget(self, chunks: Sequence[ChunkIndex]) -> None:
        """These chunks are not held any more."""
        for chunk in chunks:
            self._held.pop(chunk, None)

    def add(self, events: Sequence[NodeEvent]) -> None:
        """Things that happened, in order."""
        self._new.extend(events)
        for event in events:
            if isinstance(event, ChunkHeld):
                self._held[event.chunk] = event.crc
            elif isinstance(event, ChunkLost):
                self._held.pop(event.chunk, None)
            elif isinstance(event, ObjectLanded):
                self._landed.add(event.object)

    def report(self, ack: int, counters: NodeCounters, *, again: bool = False) -> NodeReport:
        """The next report.

        Args:
            ack: the last report that arrived at the coordinator.
            counters: as they are now.
            again: the reports after `ack` were lost; send their events once more.
        """
        while self._sent and self._sent[0].seq <= ack:
            self._sent.popleft()
        events = self._new
        is_gap = False
        if again:
            is_gap = self._seq > ack and (not self._sent or self._sent[0].seq != ack + 1)
            events = [event for report in self._sent for event in report.events] + events
        self._seq += 1
        self._new = []
        report = NodeReport(
            seq=self._seq,
            events=tuple(events),
            counters=counters,
            full=self._full() if is_gap else None,
        )
        if again:
            self._sent.clear()
        self._sent.append(report)
        return report

    def _full(self) -> Inventory:
        runs: list[HeldRun] = []
        first: ChunkIndex | None = None
        crcs: list[int | None] = []
        for chunk in sorted(self._held):
            if first is None or chunk != first + len(crcs):
                if first is not None:
                    runs.append(HeldRun(first, tuple(crcs)))
                first, crcs = chunk, []
            crcs.append(self._held[chunk])
        if first is not None:
            runs.append(HeldRun(first, tuple(crcs)))
        return Inventory(held=tuple(runs), landed=tuple(sorted(self._landed)))
