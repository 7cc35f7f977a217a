"""A node's answer to one exchange with the scheduler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xfd_api.reports import Inventory, NodeCounters, NodeEvent
from xfd_api.wire_format import event_columns


@dataclass(frozen=True, slots=True)
class NodeReport:
    """A node's answer to one exchange.

    Attributes:
        seq: one more than in the node's previous report; after a gap a full report is due.
        events: what happened since the previous report, in order; a `wire_format.EventColumns` once
            it has been pickled.
        counters: the node's present totals.
        full: all that the node holds; set on its first report and after a gap.
    """

    seq: int
    events: Sequence[NodeEvent]
    counters: NodeCounters = field(default_factory=NodeCounters)
    full: Inventory | None = None

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return NodeReport, (self.seq, event_columns(self.events), self.counters, self.full)
