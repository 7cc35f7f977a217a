"""What a scheduling loop tells of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from xfd_api.errors import XfdError
from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.node_report import NodeReport
from xfd_api.reports import Inventory


class LoopObserver(Protocol):
    """Who wants to know what goes on in the loop. Called in the loop's thread; must not block."""

    def joined(self, node: NodeId) -> None:
        """The node is a member."""
        ...

    def took_inventory(
        self, node: NodeId, objects: Sequence[ObjectIndex], inventory: Inventory, *, again: bool
    ) -> None:
        """The node looked for these objects; `again`: it had been asked before."""
        ...

    def reported(self, node: NodeId, report: NodeReport) -> None:
        """The node said what happened."""
        ...

    def failed(self, node: NodeId, objects: Sequence[ObjectIndex], error: XfdError) -> None:
        """These objects cannot land on the node."""
        ...

    def lost(self, node: NodeId, error: XfdError) -> None:
        """The node is gone."""
        ...

    def broke(self, error: XfdError) -> None:
        """The loop has stopped for good, by a bug. Told once."""
        ...
