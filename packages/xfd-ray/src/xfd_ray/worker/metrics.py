"""A node's Prometheus endpoint, on a port of its own; `exposition` makes what it answers.

Until the first scrape it is a listening socket and nothing else. Most workers are never scraped,
and all of them start at the same moment, so prometheus_client is imported only then.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from xfd_api.reports import ChunkHeld, NodeCounters, NodeEvent
from xfd_ray.worker.transfer_times import TransferTimes

if TYPE_CHECKING:
    from xfd_ray.worker.metrics_server import MetricsServer

_SCRAPES_WAITING = 16


class NodeMetrics:
    """Observes one node's transfers, and serves them with its counters."""

    def __init__(self, counters: Callable[[], NodeCounters]) -> None:
        self._counters = counters
        self._times = TransferTimes()
        self._lock = threading.Lock()
        self._listening: socket.socket | None = None
        self._server: MetricsServer | None = None
        self._closed = False

    def observe(self, events: Sequence[NodeEvent]) -> None:
        """Takes the times of the transfers among the events."""
        for event in events:
            if isinstance(event, ChunkHeld) and event.transfer_seconds:
                source = "origin" if event.source is None else "peer"
                self._times.add(source, event.transfer_seconds)

    def serve(self, host: str) -> str:
        """Opens the HTTP endpoint on a free port; returns its address, `host:port`."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, 0), family=family, backlog=_SCRAPES_WAITING)
        self._listening = listening
        threading.Thread(
            target=self._run, args=(listening,), name="xfd-metrics", daemon=True
        ).start()
        port = listening.getsockname()[1]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def close(self) -> None:
        """Closes the endpoint; blocks for a second at most."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self._server is not None:
            self._server.shutdown()
        elif self._listening is not None:
            self._listening.shutdown(socket.SHUT_RDWR)  # Wakes the waiting thread.

    def _run(self, listening: socket.socket) -> None:
        with listening:
            select.select([listening], [], [])
            with self._lock:
                if self._closed:
                    return
                from xfd_ray.worker.exposition import NodeCollector
                from xfd_ray.worker.metrics_server import MetricsServer

                self._server = MetricsServer(listening, NodeCollector(self._counters, self._times))
            self._server.serve_forever()
