"""Publishes the metrics of a process as increments, the way Ray's metrics take them."""

from __future__ import annotations

from typing import Protocol

from xfd_api.metrics import Metric
from xfd_ray.metrics.increments import Increments
from xfd_ray.metrics.readings import BUCKETS_S, Readings

PUBLISH_S = 2.0
"""How often increments are published. Ray sends its agent what it has every ten seconds, and when
a process ends, so that more often shows nothing more."""


class Exporter(Protocol):
    """Takes increments of counters, values of gauges, and single times."""

    def add(self, row: Metric, label: str, amount: float) -> None:
        """Adds to a counter; 0 makes it known."""
        ...

    def set(self, row: Metric, label: str, value: float) -> None:
        """Sets a gauge."""
        ...

    def observe(self, row: Metric, label: str, seconds: float) -> None:
        """Adds a time to a histogram, whose buckets are `BUCKETS_S`."""
        ...


class Publisher:
    """Compares each reading with the one before.

    Args:
        exporter: takes what has changed.
    """

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._increments = Increments()

    def publish(self, readings: Readings) -> None:
        """Publishes what has changed since the last call, and all gauges."""
        rows = {row.name: row for row in readings.rows}
        counts = {
            series: value
            for series, value in readings.values.items()
            if rows[series[0]].kind == "counter"
        }
        for (name, label), amount in self._increments.of(counts).items():
            self._exporter.add(rows[name], label, amount)
        for (name, label), value in readings.values.items():
            if rows[name].kind == "gauge":
                self._exporter.set(rows[name], label, value)
        for (name, label), added in self._increments.of_times(readings).items():
            for seconds, count in zip(MIDDLES_S, added, strict=True):
                for _ in range(count):
                    self._exporter.observe(rows[name], label, seconds)


MIDDLES_S = (
    *((low + high) / 2 for low, high in zip((0.0, *BUCKETS_S), BUCKETS_S, strict=False)),
    2 * BUCKETS_S[-1],
)
"""The time that stands for each bucket. Ray's agent keeps no other of a histogram."""
