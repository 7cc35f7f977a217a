"""What a scheduling loop reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from xfd_api.errors import XfdError
from xfd_api.hub_files import HubSnapshot
from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.node_report import NodeReport
from xfd_api.reports import Inventory


class LoopObserver(Protocol):
    """Hears what happens in the loop. It is called in the loop's thread, and must not block."""

    def joined(self, node: NodeId) -> None:
        """The node has become a member."""
        ...

    def took_inventory(
        self, node: NodeId, objects: Sequence[ObjectIndex], inventory: Inventory, *, again: bool
    ) -> None:
        """The node inspected these objects; `again`: another process was writing them before."""
        ...

    def linked(self, node: NodeId, snapshots: Sequence[HubSnapshot]) -> None:
        """The node knows these snapshots, and has linked what is there of them."""
        ...

    def not_linked(self, node: NodeId, snapshots: Sequence[HubSnapshot], error: XfdError) -> None:
        """The node cannot link these snapshots."""
        ...

    def reported(self, node: NodeId, report: NodeReport) -> None:
        """The node reported what happened."""
        ...

    def failed(self, node: NodeId, objects: Sequence[ObjectIndex], error: XfdError) -> None:
        """These objects cannot land on the node."""
        ...

    def lost(self, node: NodeId, error: XfdError) -> None:
        """The node is gone."""
        ...

    def stopped(self, error: XfdError) -> None:
        """The loop has stopped for good, because of a bug. Called once."""
        ...
