"""A Prometheus endpoint of a process, on a port of its own.

Until the first scrape it is a listening socket and nothing else: many processes start at the same
moment, so prometheus_client is imported only then.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from xfd_ray.metrics.readings import Readings

if TYPE_CHECKING:
    from xfd_ray.metrics.server import MetricsServer

_SCRAPES_WAITING = 16


class MetricsEndpoint:
    """Serves readings, once `serve` is called.

    Args:
        read: takes the readings of a scrape; called in a thread.
    """

    def __init__(self, read: Callable[[], Readings]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._listening: socket.socket | None = None
        self._server: MetricsServer | None = None
        self._closed = False

    def serve(self, host: str, ports: tuple[int, int] | None = None) -> str:
        """Opens the endpoint; returns its address, `host:port`.

        Args:
            host: address of the interface that it listens on.
            ports: first and last port that it may take; None for any free port.

        Raises:
            OSError: no port of the range is free.
        """
        listening = listen(host, ports)
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
            waiting = select.poll()  # select takes no descriptor above 1023.
            waiting.register(listening, select.POLLIN)
            waiting.poll()
            with self._lock:
                if self._closed:
                    return
                from xfd_ray.metrics.exposition import application_of
                from xfd_ray.metrics.server import MetricsServer

                self._server = MetricsServer(listening, application_of(self._read))
            self._server.serve_forever()


def listen(host: str, ports: tuple[int, int] | None) -> socket.socket:
    """A socket that listens on the first free port of the range; on any one without a range.

    Raises:
        OSError: none is free.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    first, last = ports or (0, 0)
    for port in range(first, last):
        try:
            return socket.create_server((host, port), family=family, backlog=_SCRAPES_WAITING)
        except OSError:
            continue
    return socket.create_server((host, last), family=family, backlog=_SCRAPES_WAITING)
