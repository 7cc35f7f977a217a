"""Keeps a node's events until the coordinator has acknowledged them. Pure.

Reports are numbered; `ack` is the number of the last report that arrived. After a lost answer the
coordinator asks for everything after `ack` again, and the next report starts with those events. If
the buffer has dropped some of them, there is a gap, and the report carries all that the node holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from xfd_api.chunks import Catalog
from xfd_api.ids import ChunkIndex, ObjectIndex
from xfd_api.node_report import NodeReport, Stall
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


class ReportBuffer:
    """Makes the reports of one node in one swarm.

    Invariant: `_sent` ends with report `_seq`, and has the reports that are not acknowledged, of
    these the last 64.
    """

    def __init__(self) -> None:
        self._seq = 0
        self._new: list[NodeEvent] = []
        self._sent: deque[NodeReport] = deque(maxlen=UNACKNOWLEDGED_REPORTS)
        self._held: dict[ChunkIndex, int | None] = {}
        self._landed: set[ObjectIndex] = set()

    @property
    def has_events(self) -> bool:
        """Whether there are events since the last report."""
        return bool(self._new)

    def add_inventory(self, catalog: Catalog, inventory: Inventory) -> None:
        """Adds chunks and objects that the node has without an event: those of an `extend`.

        It may say of objects that had landed that they are gone.
        """
        if self._landed and len(inventory.landed) < len(catalog.objects):
            self._landed.difference_update(item.index for item in catalog.objects)
            self.discard([chunk.index for chunk in catalog.chunks])
        for run in inventory.held:
            for offset, crc in enumerate(run.crcs):
                self._held[ChunkIndex(run.first_chunk + offset)] = crc
        self._landed.update(inventory.landed)

    def discard(self, chunks: Sequence[ChunkIndex]) -> None:
        """Removes chunks that the node was ordered to discard."""
        for chunk in chunks:
            self._held.pop(chunk, None)

    def add(self, events: Sequence[NodeEvent]) -> None:
        """Adds events, in the sequence in which they happened."""
        self._new.extend(events)
        for event in events:
            if isinstance(event, ChunkHeld):
                self._held[event.chunk] = event.crc
            elif isinstance(event, ChunkLost):
                self._held.pop(event.chunk, None)
            elif isinstance(event, ObjectLanded):
                self._landed.add(event.object)

    def next_report(
        self,
        ack: int,
        counters: NodeCounters,
        stall: Stall | None = None,
        lookup_failure: str = "",
        *,
        again: bool = False,
    ) -> NodeReport:
        """Makes the next report, of all events since the last one.

        Args:
            ack: the number of the last report that arrived at the coordinator.
            counters: their present values.
            stall: why nothing arrives.
            lookup_failure: how lookups fail.
            again: the reports after `ack` were lost; their events are repeated.
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
            stall=stall,
            lookup_failure=lookup_failure,
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
