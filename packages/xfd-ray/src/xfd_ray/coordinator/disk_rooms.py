"""Asks workers how much room their roots have; keeps the answers for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from xfd_api.errors import XfdError
from xfd_api.ids import NodeId
from xfd_ray.coordinator_status import DiskRoom
from xfd_ray.worker_api import Hello, Unavailable, WorkerApi, WorkerClient

KEPT_S = 5.0
"""How long an answer counts: those who watch a cluster of a thousand nodes ask every second."""

ANSWER_S = 2.0
"""A worker that takes longer, because its disk hangs for example, is left out."""


WorkerId = tuple[NodeId, str]
Rooms = Mapping[WorkerId, DiskRoom | None]


def worker_id(hello: Hello) -> WorkerId:
    """What tells workers apart: a node may have several, with ports of their own."""
    return hello.node, hello.peer_address


class DiskRooms:
    """The room on the disks of workers.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[WorkerId, tuple[float, DiskRoom | None]] = {}

    async def of(self, workers: Mapping[WorkerId, WorkerClient]) -> Rooms:
        """The room that each of these workers has; None if it does not say."""
        now = self._clock()
        known = {
            key: (at, room)
            for key, (at, room) in self._known.items()
            if key in workers and now - at < KEPT_S
        }
        due = [key for key in workers if key not in known]
        rooms = await asyncio.gather(*(_ask(workers[key]) for key in due))
        known |= {key: (now, room) for key, room in zip(due, rooms, strict=True)}
        self._known = known  # Somebody else may have asked meanwhile, about other workers.
        return {key: room for key, (_, room) in known.items()}


async def _ask(worker: WorkerClient) -> DiskRoom | None:
    try:
        return await asyncio.wait_for(worker.call(WorkerApi.disk_room), ANSWER_S)
    except (XfdError, Unavailable, asyncio.TimeoutError):
        return None
