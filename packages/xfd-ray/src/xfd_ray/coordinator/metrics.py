"""What a coordinator exports: how many nodes and leases are where, and what all leases came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from xfd_api import __version__
from xfd_ray.coordinator.lease_totals import LeaseTotals
from xfd_ray.coordinator_status import CoordinatorStatus
from xfd_ray.metrics.choice import MetricsChoice
from xfd_ray.metrics.figures import CoordinatorFigures
from xfd_ray.metrics.outlets import MetricsOutlets
from xfd_ray.metrics.publisher import PUBLISH_S, Exporter
from xfd_ray.metrics.readings import Readings, coordinator_readings
from xfd_ray.telemetry.log import Log


def coordinator_figures(
    status: CoordinatorStatus, totals: LeaseTotals, *, workers_lost: int
) -> CoordinatorFigures:
    """The figures of a coordinator in this state. Pure."""
    nodes = Counter(node.state for node in status.nodes)
    leases = Counter(lease.state for lease in status.leases)
    unfinished = [
        lease.progress
        for lease in status.leases
        if lease.progress is not None and lease.state in ("running", "waiting")
    ]
    report = totals.last_report
    return CoordinatorFigures(
        nodes_starting=nodes["starting"],
        nodes_working=nodes["working"],
        nodes_done=nodes["done"],
        nodes_idle=nodes["idle"],
        nodes_failed=nodes["failed"],
        nodes_lost=nodes["lost"],
        nodes_refused=nodes["refused"],
        workers_lost=workers_lost,
        swarms=len(status.swarms),
        leases_finding=leases["finding"],
        leases_waiting=leases["waiting"],
        leases_running=leases["running"],
        leases_done=leases["done"],
        leases_failed=leases["failed"],
        leases_ended_done=totals.ended["done"],
        leases_ended_failed=totals.ended["failed"],
        leases_ended_cancelled=totals.ended["cancelled"],
        leases_ended_expired=totals.ended["expired"],
        missing_bytes=totals.bytes.missing_bytes,
        origin_bytes=totals.bytes.origin_bytes,
        peer_bytes=totals.bytes.peer_bytes,
        cached_bytes=totals.bytes.cached_bytes,
        resumed_bytes=totals.bytes.resumed_bytes,
        shared_bytes=totals.bytes.shared_bytes,
        remaining_bytes=sum(each.total_bytes - each.done_bytes for each in unfinished),
        progress_age_seconds=max((swarm.progress_age_s for swarm in status.swarms), default=0.0),
        amplification_ratio=None if report is None else report.amplification,
        efficiency_ratio=None if report is None else report.efficiency,
    )


class CoordinatorMetrics:
    """Exports the figures of a coordinator, as they were at the last `publish`.

    Args:
        figures: takes them.
        exporter: makes what publishes through Ray; None without a Ray.
        log: for what goes wrong.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        figures: Callable[[], CoordinatorFigures],
        exporter: Callable[[], Exporter] | None,
        log: Log,
        clock: Callable[[], float],
    ) -> None:
        self._figures = figures
        self._clock = clock
        self._published_at = clock()
        self._readings = coordinator_readings(CoordinatorFigures(), version=__version__)
        self._outlets = MetricsOutlets(self._last, exporter, log)
        self._is_open = False

    @property
    def address(self) -> str:
        """Of the coordinator's own endpoint, `host:port`; empty without one."""
        return self._outlets.address

    def open(self, choice: MetricsChoice, host: str) -> None:
        """Exports as chosen, beside what is exported already."""
        self._is_open = self._is_open or choice.ray or choice.port
        self._outlets.open(choice, host)

    def publish_if_due(self) -> None:
        """Publishes the figures, unless that was done a moment ago."""
        if self._clock() - self._published_at >= PUBLISH_S:
            self.publish()

    def publish(self) -> None:
        """Publishes the present figures."""
        if self._is_open:
            self._published_at = self._clock()
            self._readings = coordinator_readings(self._figures(), version=__version__)
            self._outlets.publish()

    def close(self) -> None:
        """Publishes the last figures, and closes the endpoint; blocks for a second at most."""
        self.publish()
        self._outlets.close()

    def _last(self) -> Readings:
        return self._readings
