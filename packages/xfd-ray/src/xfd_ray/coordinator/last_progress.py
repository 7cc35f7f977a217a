"""When a swarm last made progress: a byte moved, or an object landed. Pure."""

from __future__ import annotations

from xfd_api.ids import NodeId
from xfd_api.reports import NodeCounters


class LastProgress:
    """Compares what the nodes report with what they reported before.

    Attributes:
        at: when progress was last seen, in the clock of the caller.
    """

    def __init__(self, now: float) -> None:
        self.at = now
        self._moved_by: dict[NodeId, int] = {}

    def reported(self, node: NodeId, counters: NodeCounters, now: float) -> None:
        """A node reported its counters, those of the swarm."""
        moved = (
            counters.origin_bytes
            + counters.peer_bytes
            + counters.written_bytes
            + counters.unpacked_bytes
            + counters.objects_landed
        )
        if moved != self._moved_by.get(node, 0):
            self.at = now
        self._moved_by[node] = moved

    def resumed(self, now: float) -> None:
        """Something new is wanted; what follows is measured from here."""
        self.at = now

    def forget(self, node: NodeId) -> None:
        """The node's worker is gone; another one counts from zero."""
        self._moved_by.pop(node, None)
