"""The nodes of one swarm: which are alive, which have a worker, and when they get another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeVar

from xfd_api.errors import (
    AccessDeniedError,
    CredentialsError,
    HubOfflineError,
    MissingPackageError,
    NodeLostError,
    NodeUnavailableError,
    XfdError,
)
from xfd_api.ids import NodeId
from xfd_ray.coordinator.pooled_transport import PooledTransport
from xfd_ray.coordinator.restarts import Restarts
from xfd_ray.loop.scheduling_loop import SchedulingLoop
from xfd_ray.placement import NodeInfo
from xfd_ray.worker_api import WorkerClient
from xfd_scheduler.bounds import DENIALS_TO_REFUSE
from xfd_scheduler.events import NodeTraits
from xfd_scheduler.intake.denials import is_denial

Answer = TypeVar("Answer")

_LACKS = (MissingPackageError, HubOfflineError, AccessDeniedError, CredentialsError)
"""What one node may lack, and another may have."""


class SwarmNodes:
    """Adds nodes to a scheduling loop, and starts lost workers again after a pause.

    Args:
        loop: the swarm's loop.
        transport: by which the loop reaches the nodes.
        clock: seconds for which this process ran.

    Attributes:
        alive: the nodes that Ray lists as alive.
    """

    def __init__(
        self, loop: SchedulingLoop, transport: PooledTransport, clock: Callable[[], float]
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._clock = clock
        self._restarts = Restarts()
        self._changed = asyncio.Event()
        self.alive: dict[NodeId, NodeInfo] = {}

    def see(self, live: Sequence[NodeInfo], used: Iterable[NodeId]) -> list[NodeId]:
        """Takes the list of live nodes; returns the used ones that are gone, out of the loop now.

        Args:
            live: all nodes that are alive now.
            used: nodes that have objects of the swarm.
        """
        self.alive = {node.id: node for node in live}
        gone = sorted({*used, *self._restarts.pausing} - self.alive.keys())
        for node in gone:
            self._loop.remove_node(node, dead(node))
            self._restarts.forget(node)
        self._changed.set()
        return gone

    def lift_refusals(self, nodes: Iterable[NodeInfo]) -> None:
        """Lets refused nodes try again, for a new lease."""
        self._restarts.lift_refusals(node.id for node in nodes)

    def refusal(self, node: NodeId) -> XfdError | None:
        """Why the node gets no more workers, if it gets none."""
        return self._restarts.refusal(node)

    def roots(self, nodes: Iterable[NodeId]) -> Mapping[NodeId, str | None]:
        """The nodes' roots; None for a node whose worker is not up."""
        return {node: self._transport.roots.get(node) for node in nodes}

    @property
    def with_worker(self) -> tuple[NodeId, ...]:
        """The nodes that have a worker, or where one starts or will be started again."""
        return tuple({*self._loop.nodes, *self._restarts.pausing})

    def has_worker(self, node: NodeId) -> bool:
        """Whether the node has a worker, or one is starting."""
        return self._loop.has_node(node)

    def host(self, node: NodeId) -> str:
        """The name of the node's machine; empty if the node is gone."""
        info = self.alive.get(node)
        return "" if info is None else info.host

    def state(self, node: NodeId) -> Literal["starting", "joined", "lost", "refused"]:
        """How far the node's worker is."""
        if self.refusal(node) is not None:
            return "refused"
        if not self.has_worker(node):
            return "lost"
        return "joined" if self._loop.is_joined(node) else "starting"

    def is_due(self, node: NodeId) -> bool:
        """Whether the node has no worker, and it is time to start one."""
        return not self.has_worker(node) and self._restarts.may_start(node, self._clock())

    def admit(self, node: NodeInfo) -> None:
        """Has the node join, with a new worker if it has none."""
        if not self.has_worker(node.id):
            self._restarts.starting(node.id, self._clock())
        self._transport.know(node)
        self._loop.add_node(node.id, NodeTraits(zone=node.zone))

    def admit_due(self, nodes: Iterable[NodeInfo]) -> None:
        """Has those nodes join for which it is time to start a worker."""
        for node in nodes:
            if self.is_due(node.id):
                self.admit(node)

    def joined(self, node: NodeId) -> None:
        """The node has become a member."""
        self._restarts.came_up(node, self._clock())
        self._changed.set()

    def lost(self, node: NodeId, error: XfdError) -> bool:
        """The node's worker is gone; returns whether another one follows."""
        self._transport.forget(node)
        self._changed.set()
        return self._restarts.lost(node, error, self._clock())

    async def ask_first(
        self, nodes: Sequence[NodeInfo], ask: Callable[[WorkerClient], Awaitable[Answer]]
    ) -> tuple[NodeId, Answer]:
        """Asks the first of these nodes that is up; if its worker is lost, the next one.

        A node that lacks an optional package is passed over too, and one that may not ask the hub
        and lacks the repository. The store may refuse a few nodes, with credentials of their own.

        Raises:
            NodeLostError: no node is left.
            MissingPackageError, HubOfflineError: every node lacks it.
            AccessDeniedError, CredentialsError: the store refuses every node, or three of them.
            XfdError: why none takes a worker, or what `ask` raises.
        """
        lacking: dict[NodeId, XfdError] = {}
        while True:
            self._changed.clear()
            able = [node for node in nodes if node.id not in lacking]
            up = [node.id for node in able if self._loop.is_joined(node.id)]
            worker = self._transport.member(up[0]) if up else None
            if worker is not None:
                try:
                    return up[0], await ask(worker)
                except NodeLostError as error:
                    if self._transport.member(up[0]) is worker:  # It may have been replaced.
                        self._loop.remove_node(up[0], error)
                    continue
                except _LACKS as error:
                    lacking[up[0]] = error
                    if sum(map(is_denial, lacking.values())) < DENIALS_TO_REFUSE:
                        continue
                    raise
            refusals = {node.id: self.refusal(node.id) for node in able}
            hopeful = [node for node in able if node.id in self.alive and refusals[node.id] is None]
            if not hopeful and lacking:
                raise next(iter(lacking.values()))
            if not hopeful:
                raise _no_worker([refusal for refusal in refusals.values() if refusal is not None])
            self.admit_due(hopeful)
            await self._changed.wait()


def dead(node: NodeId) -> NodeLostError:
    """The error of a node that Ray does not list as alive."""
    return NodeLostError("Ray lists the node as dead", node=node)


def _no_worker(refusals: Sequence[XfdError]) -> XfdError:
    """Why no selected node has a worker: those without a refusal are dead."""
    if not refusals:
        return NodeLostError("No selected node is left")
    first = refusals[0]
    if len(refusals) == 1 or not all(isinstance(each, NodeUnavailableError) for each in refusals):
        return first
    return NodeUnavailableError(
        f"None of the {len(refusals)} selected nodes takes a worker. {first.what}", node=first.node
    )
