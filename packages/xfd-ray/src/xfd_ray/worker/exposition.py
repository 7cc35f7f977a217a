"""A node's Prometheus metrics, as the table `xfd_api.metrics` lists them.

Loaded at the first scrape, because it imports prometheus_client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from xfd_api import metrics
from xfd_api.reports import NodeCounters

if TYPE_CHECKING:
    from xfd_ray.worker.transfer_times import TransferTimes


class NodeCollector(Collector):
    """Reads the counters and the transfer times when it is scraped."""

    def __init__(self, counters: Callable[[], NodeCounters], times: TransferTimes) -> None:
        self._counters = counters
        self._times = times

    def collect(self) -> Iterator[Metric]:
        """Every metric of the table, with its present values."""
        counters = self._counters()
        for row in metrics.METRICS:
            if row.kind == "histogram":
                yield _histogram(row, self._times)
            else:
                yield _values(row, counters)


def _values(row: metrics.Metric, counters: NodeCounters) -> Metric:
    labels = [row.label] if row.label else []
    kind = CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily
    family = kind(row.name, row.help, labels=labels, unit=row.unit or "")
    for label_value, field in row.series.items():
        family.add_metric([label_value] if labels else [], getattr(counters, field))
    return family


def _histogram(row: metrics.Metric, times: TransferTimes) -> Metric:
    labels = [row.label] if row.label else []
    family = HistogramMetricFamily(row.name, row.help, labels=labels, unit=row.unit or "")
    for label_value, (buckets, total) in times.read().items():
        family.add_metric([label_value], buckets, total)
    return family
