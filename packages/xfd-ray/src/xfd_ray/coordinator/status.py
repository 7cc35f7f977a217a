"""Puts together the status of a coordinator: what its swarms know, and what the workers answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from xfd_ray.coordinator.disk_rooms import DiskRooms, Rooms, worker_id
from xfd_ray.coordinator.swarm_controller import SwarmController
from xfd_ray.coordinator.worker_pool import WorkerPool
from xfd_ray.coordinator_status import CoordinatorStatus, NodeStatus
from xfd_ray.worker_api import Hello


class StatusReader:
    """See the module.

    Args:
        pool: has the workers.
        versions: of the coordinator.
        clock: seconds that never go back.
    """

    def __init__(
        self, pool: WorkerPool, versions: Mapping[str, str | None], clock: Callable[[], float]
    ) -> None:
        self._pool = pool
        self._versions = versions
        self._clock = clock
        self._began = clock()
        self._rooms = DiskRooms(clock)

    async def read(self, swarms: Iterable[SwarmController]) -> CoordinatorStatus:
        """The status now, with the room on the disks of all workers."""
        workers = {worker_id(each.hello): each.client for each in self._pool.up()}
        return self.known(swarms, await self._rooms.of(workers))

    def known(
        self, swarms: Iterable[SwarmController], rooms: Rooms = MappingProxyType({})
    ) -> CoordinatorStatus:
        """What is known without asking anybody, and these rooms."""
        now = self._clock()
        swarms = list(swarms)
        up = list(self._pool.up())
        hellos = {id(each.client): each.hello for each in up}
        nodes = [
            _with_worker(node, hellos.get(id(worker)), rooms)
            for swarm in swarms
            for node, worker in swarm.view.nodes()
        ]
        idle = [
            _with_worker(NodeStatus(each.node.id, each.node.host, "idle"), each.hello, rooms)
            for each in up
            if not each.is_used
        ]
        return CoordinatorStatus(
            versions=self._versions,
            since_s=now - self._began,
            swarms=tuple(swarm.view.status(now) for swarm in swarms),
            nodes=(*nodes, *sorted(idle, key=lambda node: node.id)),
        )


def _with_worker(node: NodeStatus, hello: Hello | None, rooms: Rooms) -> NodeStatus:
    if hello is None:
        return node
    return NodeStatus(  # `replace` takes three times as long, and this is done for each node.
        node.id,
        node.host,
        node.state,
        node.swarm,
        hello.root,
        rooms.get(worker_id(hello)),
        hello.peer_address,
        hello.metrics_address,
        node.error,
    )
