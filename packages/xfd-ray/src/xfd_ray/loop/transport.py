"""How a scheduling loop reaches the nodes of its swarm."""

from __future__ import annotations

from typing import Protocol

from xfd_api.ids import NodeId
from xfd_api.node_report import NodeReport
from xfd_api.reports import Inventory
from xfd_ray.catalog_part import CatalogPart
from xfd_ray.worker_api import Exchange


class SwarmTransport(Protocol):
    """How the loop reaches nodes. Each method raises `NodeLostError` if the node is gone."""

    async def join(self, node: NodeId) -> str:
        """Makes the node a member; returns its peer address."""
        ...

    async def extend(self, node: NodeId, part: CatalogPart) -> Inventory:
        """Adds a part of the catalog on the node, and asks what of it is there."""
        ...

    async def exchange(self, node: NodeId, call: Exchange) -> NodeReport:
        """Makes one call of the long poll; see `NodeWorker.exchange`.

        Raises:
            NodeLostError: the node is gone.
            Unavailable: ask again, with the same call.
        """
        ...
