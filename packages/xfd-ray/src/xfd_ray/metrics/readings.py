"""The values of the metrics of one process at one moment, under their exported names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from xfd_api.metrics import ANY, METRICS, Metric, Origin
from xfd_api.reports import NodeCounters
from xfd_ray.metrics.figures import CoordinatorFigures, WorkerFigures

Series = tuple[str, str]
"""A metric's name, and the value of its label; that is "" without a label."""

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper limits of the histogram's buckets, from a small chunk on a fast link to a stalled one."""


@dataclass(frozen=True, slots=True)
class Times:
    """How many times fell into each bucket, the last one without a limit, and their sum."""

    counts: tuple[int, ...]
    total_s: float

    @property
    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts by upper limit, as Prometheus has them."""
        limits = [*map(str, BUCKETS_S), "+Inf"]
        return list(zip(limits, map(float, accumulate(self.counts)), strict=True))


@dataclass(frozen=True, slots=True)
class Readings:
    """What a process measured so far.

    Attributes:
        rows: the metrics of the table that this process has.
        values: of counters and gauges.
        times: of the histograms.
    """

    rows: tuple[Metric, ...]
    values: Mapping[Series, float]
    times: Mapping[Series, Times] = field(default_factory=dict)


def node_readings(
    counters: NodeCounters,
    figures: WorkerFigures,
    times: Mapping[str, Times],
    *,
    root: str,
    version: str,
) -> Readings:
    """What a worker exports.

    Args:
        counters: of its data plane.
        figures: of its own.
        times: how long its transfers took, by the kind of their source.
        root: the folder that relative destinations lie under.
        version: of xfd.
    """
    labels = {"root": root, "version": version}
    values = _values("data plane", counters, labels) | _values("worker", figures, labels)
    (row,) = (row for row in METRICS if row.kind == "histogram")
    of_source = {(row.name, source): each for source, each in times.items()}
    return Readings(rows_of("data plane", "worker"), values, of_source)


def coordinator_readings(figures: CoordinatorFigures, *, version: str) -> Readings:
    """What a coordinator exports."""
    values = _values("coordinator", figures, {"version": version})
    return Readings(rows_of("coordinator"), values)


def rows_of(*origins: Origin) -> tuple[Metric, ...]:
    """The rows of the table that come from there."""
    return tuple(row for row in METRICS if row.origin in origins)


def _values(origin: Origin, figures: Any, labels: Mapping[str, str]) -> dict[Series, float]:
    values: dict[Series, float] = {}
    for row in rows_of(origin):
        if row.kind == "histogram":
            continue
        for label, name in row.series.items():
            value = getattr(figures, name)
            if value is not None:
                shown = labels[row.label or ""] if label == ANY else label
                values[row.name, shown] = float(value)
    return values
