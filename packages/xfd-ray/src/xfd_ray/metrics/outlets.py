"""The outlets of one process: Ray's metrics, an endpoint, or both, and more of them later."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from xfd_ray.metrics.choice import MetricsChoice
from xfd_ray.metrics.endpoint import MetricsEndpoint
from xfd_ray.metrics.publisher import Exporter, Publisher
from xfd_ray.metrics.readings import Readings
from xfd_ray.telemetry.log import Log
from xfd_ray.telemetry.log_events import METRICS_UNAVAILABLE


class MetricsOutlets:
    """Nothing is exported and no socket is open until a choice asks for it.

    A process that cannot export its metrics logs that, and goes on.

    Args:
        read: takes readings; called in threads too.
        exporter: makes what publishes through Ray, if this process has a Ray.
        log: for what goes wrong.

    Attributes:
        address: of the endpoint, `host:port`; empty without one.
    """

    def __init__(
        self, read: Callable[[], Readings], exporter: Callable[[], Exporter] | None, log: Log
    ) -> None:
        self._read = read
        self._exporter = exporter
        self._log = log
        self._publisher: Publisher | None = None
        self._endpoint: MetricsEndpoint | None = None
        self.address = ""

    def open(self, choice: MetricsChoice, host: str) -> None:
        """Opens the outlets of the choice that are not open yet.

        Args:
            choice: what to open.
            host: address of the interface that an endpoint listens on.
        """
        if choice.ray and self._publisher is None and self._exporter is not None:
            self._publisher = Publisher(self._exporter())
            self.publish()
        if choice.port and self._endpoint is None:
            endpoint = MetricsEndpoint(self._read)
            try:
                self.address = endpoint.serve(host, choice.ports)
            except OSError as error:
                self._log.emit(METRICS_UNAVAILABLE, error=f"{error} (ports {choice.ports})")
            else:
                self._endpoint = endpoint

    def publish(self) -> None:
        """Publishes what has changed since the last call through Ray, if that is chosen."""
        if self._publisher is None:
            return
        try:
            self._publisher.publish(self._read())
        except Exception as error:  # Whatever Ray raises, the files are worth more.
            self._log.emit(METRICS_UNAVAILABLE, error=repr(error))
            self._publisher = self._exporter = None

    def close(self) -> None:
        """Publishes the rest, and closes the endpoint; blocks for a second at most."""
        self.publish()
        if self._endpoint is not None:
            with contextlib.suppress(OSError):
                self._endpoint.close()
