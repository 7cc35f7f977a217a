"""Exports metrics through `ray.util.metrics`: Ray's agent on each node has them for Prometheus.

The agent puts `ray_` before each name, and adds labels of its own: `WorkerId`, `NodeAddress`,
`SessionName`, `Component` and `Version`. It keeps counters and histograms of a process that has
ended, and drops its gauges after two of its reporting intervals, 20 seconds by default. Ray sends
what a process has left when that ends, even if it is killed by `ray.kill`.

A process without an agent, because only `ray` and not `ray[default]` is installed, exports nothing.
"""

from __future__ import annotations

from ray.util import metrics as ray_metrics

from xfd_api.metrics import Metric
from xfd_ray.metrics.readings import BUCKETS_S


class RayExporter:
    """An `Exporter`; the metrics of Ray are made when they first have a value."""

    def __init__(self) -> None:
        self._made: dict[str, ray_metrics.Metric] = {}

    def add(self, row: Metric, label: str, amount: float) -> None:
        """See `Exporter`."""
        counter = self._metric(row)
        if isinstance(counter, ray_metrics.Counter):
            # So that Prometheus sees it grow from zero, it is recorded before it has counted
            # anything. `inc` refuses to add 0.
            record = counter.inc if amount else getattr(counter, "_record", None)
            if record is not None:
                record(amount, _tags(row, label))

    def set(self, row: Metric, label: str, value: float) -> None:
        """See `Exporter`."""
        gauge = self._metric(row)
        if isinstance(gauge, ray_metrics.Gauge):
            gauge.set(value, _tags(row, label))

    def observe(self, row: Metric, label: str, seconds: float) -> None:
        """See `Exporter`."""
        histogram = self._metric(row)
        if isinstance(histogram, ray_metrics.Histogram):
            histogram.observe(seconds, _tags(row, label))

    def _metric(self, row: Metric) -> ray_metrics.Metric:
        made = self._made.get(row.name)
        if made is None:
            made = self._made[row.name] = _made_of(row)
        return made


def _made_of(row: Metric) -> ray_metrics.Metric:
    keys = (row.label,) if row.label else ()
    if row.kind == "counter":
        # Every version of Ray puts `_total` after the name of a counter; older ones do so twice.
        return ray_metrics.Counter(row.name.removesuffix("_total"), row.help, keys)
    if row.kind == "gauge":
        return ray_metrics.Gauge(row.name, row.help, keys)
    return ray_metrics.Histogram(row.name, row.help, list(BUCKETS_S), keys)


def _tags(row: Metric, label: str) -> dict[str, str]:
    return {row.label: label} if row.label else {}
