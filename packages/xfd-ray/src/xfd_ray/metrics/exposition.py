"""Readings as Prometheus' client library has them.

Loaded at the first scrape, because it imports prometheus_client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from xfd_api import metrics
from xfd_ray.metrics.readings import Readings


def application_of(read: Callable[[], Readings]) -> Any:
    """A WSGI application that answers scrapes with readings taken at that moment."""
    registry = CollectorRegistry(auto_describe=True)
    registry.register(ReadingsCollector(read))
    return make_wsgi_app(registry)


class ReadingsCollector(Collector):
    """Takes readings when it is scraped."""

    def __init__(self, read: Callable[[], Readings]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Every metric of the readings, with its present values."""
        readings = self._read()
        for row in readings.rows:
            yield _histogram(row, readings) if row.kind == "histogram" else _values(row, readings)


def _values(row: metrics.Metric, readings: Readings) -> Metric:
    labels = [row.label] if row.label else []
    kind = CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily
    family = kind(row.name, row.help, labels=labels, unit=row.unit or "")
    for (name, label), value in readings.values.items():
        if name == row.name:
            family.add_metric([label] if labels else [], value)
    return family


def _histogram(row: metrics.Metric, readings: Readings) -> Metric:
    labels = [row.label] if row.label else []
    family = HistogramMetricFamily(row.name, row.help, labels=labels, unit=row.unit or "")
    for (name, label), times in readings.times.items():
        if name == row.name:
            family.add_metric([label], times.buckets, times.total_s)
    return family
