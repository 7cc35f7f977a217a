"""What a node's worker measures: its data plane's counters, its transfers, and its disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from xfd_api import __version__
from xfd_api.errors import DestinationError
from xfd_api.reports import ChunkHeld, NodeCounters, NodeEvent
from xfd_ray.coordinator_status import DiskRoom
from xfd_ray.metrics.choice import MetricsChoice
from xfd_ray.metrics.figures import WorkerFigures
from xfd_ray.metrics.outlets import MetricsOutlets
from xfd_ray.metrics.publisher import PUBLISH_S, Exporter
from xfd_ray.metrics.readings import Readings, node_readings
from xfd_ray.metrics.transfer_times import TransferTimes
from xfd_ray.telemetry.log import Log
from xfd_ray.worker.disk import disk_room

DISK_ANSWER_S = 1.0
"""A disk that takes longer is asked no further question until it has answered."""


class NodeMetrics:
    """Observes one node, and exports what it sees.

    Args:
        counters: reads those of the data plane.
        root: the folder that relative destinations lie under.
        host: address of the interface that an endpoint listens on.
        exporter: makes what publishes through Ray; None without a Ray.
        log: for what goes wrong.
    """

    def __init__(
        self,
        counters: Callable[[], NodeCounters],
        root: str,
        host: str,
        exporter: Callable[[], Exporter] | None,
        log: Log,
    ) -> None:
        self._counters = counters
        self._root = root
        self._host = host
        self._times = TransferTimes()
        self._room: DiskRoom | None = None
        self._outlets = MetricsOutlets(self.read, exporter, log)
        self._repeating: asyncio.Task[None] | None = None

    def observe(self, events: Sequence[NodeEvent]) -> None:
        """Takes the times of the transfers among the events."""
        for event in events:
            if isinstance(event, ChunkHeld) and event.transfer_seconds:
                source = "origin" if event.source is None else "peer"
                self._times.add(source, event.transfer_seconds)

    def read(self) -> Readings:
        """The present values of all metrics."""
        room = self._room
        known = WorkerFigures() if room is None else WorkerFigures(room.free_bytes, room.size_bytes)
        return node_readings(
            self._counters(), known, self._times.read(), root=self._root, version=__version__
        )

    def open(self, choice: MetricsChoice) -> str:
        """Exports as chosen, beside what is exported already; returns the endpoint's address."""
        self._outlets.open(choice, self._host)
        if (choice.ray or choice.port) and self._repeating is None:
            self._repeating = asyncio.create_task(self._repeat())
        return self._outlets.address

    async def close(self) -> None:
        """Publishes the rest, and closes the endpoint."""
        if self._repeating is not None:
            self._repeating.cancel()
        await asyncio.to_thread(self._outlets.close)

    async def _repeat(self) -> None:
        asking: asyncio.Task[DiskRoom] | None = None
        while True:
            asking = asking or asyncio.create_task(asyncio.to_thread(disk_room, self._root))
            await asyncio.wait({asking}, timeout=DISK_ANSWER_S)
            if asking.done():
                self._room = None
                with contextlib.suppress(DestinationError):
                    self._room = asking.result()
                asking = None
            self._outlets.publish()
            await asyncio.sleep(PUBLISH_S)
