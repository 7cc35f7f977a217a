"""How one swarm reaches its nodes: by workers of a pool."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from xfd_api.errors import NodeLostError
from xfd_api.ids import NodeId
from xfd_api.node_report import NodeReport
from xfd_api.ports import PeerAuthority
from xfd_api.reports import Inventory
from xfd_api.settings import SwarmTicket
from xfd_ray.catalog_part import CatalogPart
from xfd_ray.coordinator.worker_pool import WorkerPool
from xfd_ray.messages import WorkerTerms
from xfd_ray.placement import NodeInfo
from xfd_ray.worker_api import Exchange, WorkerApi, WorkerClient


class PooledTransport:
    """The `SwarmTransport` of a swarm whose workers come from a pool.

    Invariant: `_workers` has the worker of each node as soon as the pool returns it. The nodes in
    `_joined` have entered the swarm.

    Args:
        pool: starts and ends workers.
        ticket: admits each node to the swarm.
        terms: of the workers.
        authority: gives each node a certificate; None for a swarm that speaks in plain text.

    Attributes:
        roots: the folders of relative destinations, of nodes that have joined.
    """

    def __init__(
        self,
        pool: WorkerPool,
        ticket: SwarmTicket,
        terms: WorkerTerms,
        authority: PeerAuthority | None = None,
    ) -> None:
        self._pool = pool
        self._ticket = ticket
        self._authority = authority
        self._terms = terms
        self._nodes: dict[NodeId, NodeInfo] = {}
        self._workers: dict[NodeId, WorkerClient] = {}
        self._joined: set[NodeId] = set()
        self.roots: dict[NodeId, str] = {}

    def know(self, node: NodeInfo) -> None:
        """Takes a node that may be asked to join."""
        self._nodes[node.id] = node

    def member(self, node: NodeId) -> WorkerClient | None:
        """The worker of a node that has joined."""
        return self._workers[node] if node in self._joined else None

    def forget(self, node: NodeId) -> None:
        """The node's worker is gone."""
        self._joined.discard(node)
        self._pool.drop(node, self._terms, self._workers.pop(node, None))

    async def join(self, node: NodeId) -> str:
        """See `SwarmTransport.join`."""
        if node in self._workers:  # From a join that failed.
            self._pool.release(node, self._terms, self._workers.pop(node))
        worker, hello = await self._pool.worker(self._nodes[node], self._terms)
        self._workers[node] = worker
        await worker.call(WorkerApi.join, self._ticket_of(node))
        self._joined.add(node)
        self.roots[node] = hello.root
        return hello.peer_address

    async def extend(self, node: NodeId, part: CatalogPart) -> Inventory:
        """See `SwarmTransport.extend`."""
        worker = self._worker(node)
        return await worker.call(WorkerApi.extend, self._ticket.swarm, part.catalog, part.stores)

    async def exchange(self, node: NodeId, call: Exchange) -> NodeReport:
        """See `SwarmTransport.exchange`."""
        return await self._worker(node).call(WorkerApi.exchange, self._ticket.swarm, call)

    async def leave(self, timeout_s: float) -> None:
        """Every worker leaves, even one that is just joining; slow ones are not waited for."""
        workers, self._workers = self._workers, {}
        self._joined.clear()
        leaving = [
            asyncio.wait_for(worker.call(WorkerApi.leave, self._ticket.swarm), timeout_s)
            for worker in workers.values()
        ]
        await asyncio.gather(*leaving, return_exceptions=True)
        for node, worker in workers.items():
            self._pool.release(node, self._terms, worker)

    def _ticket_of(self, node: NodeId) -> SwarmTicket:
        if self._authority is None:
            return self._ticket
        return replace(self._ticket, identity=self._authority.issue(node))

    def _worker(self, node: NodeId) -> WorkerClient:
        worker = self.member(node)
        if worker is None:
            raise NodeLostError("The node is not in the swarm", node=node)
        return worker
