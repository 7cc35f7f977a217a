"""A node's answer to one exchange with the scheduler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xfd_api.ids import NodeId
from xfd_api.reports import Inventory, NodeCounters, NodeEvent
from xfd_api.wire_format import event_columns


@dataclass(frozen=True, slots=True)
class Stall:
    """A node has orders, and has received nothing for some seconds.

    Attributes:
        idle_s: seconds since its last byte, or since its first order.
        source: the peer that it waits for; None is the origin.
        failure: how the last request failed, as a sentence without a full stop. Empty if none has
            failed since: the source does not send, or has not answered.
    """

    idle_s: float
    source: NodeId | None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class NodeReport:
    """A node's answer to one exchange.

    Attributes:
        seq: one more than in the node's previous report; after a gap a full report is due.
        events: what happened since the previous report, in order; a `wire_format.EventColumns` once
            it has been pickled.
        counters: the node's present totals.
        stall: why nothing arrives there; None if something does, or nothing is to.
        lookup_failure: how lookups of the node fail, as a sentence without a full stop. Empty if
            none runs, or they are answered.
        full: all that the node holds; set on its first report and after a gap.
    """

    seq: int
    events: Sequence[NodeEvent]
    counters: NodeCounters = field(default_factory=NodeCounters)
    full: Inventory | None = None
    stall: Stall | None = None
    lookup_failure: str = ""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        events = event_columns(self.events)
        rest = (self.counters, self.full, self.stall, self.lookup_failure)
        return NodeReport, (self.seq, events, *rest)
