"""Turns counts since the start of a process into what was added since the last look. Pure.

Ray's metrics are told increments, while the data plane and a coordinator count from their start.
Each count is compared with the last one of the same series. One that is smaller has begun anew, and
counts whole. A series is new to an exporter once: the first increment of a counter may be 0.
"""

from __future__ import annotations

from collections.abc import Mapping

from xfd_ray.metrics.readings import Readings, Series


class Increments:
    """The last counts of every series.

    Example:
        >>> increments = Increments()
        >>> row = ("xfd_retries_total", "")
        >>> [increments.of({row: count}) for count in (5.0, 5.0, 8.0, 2.0)]
        [{('xfd_retries_total', ''): 5.0}, {}, {('xfd_retries_total', ''): 3.0}, \
{('xfd_retries_total', ''): 2.0}]
    """

    def __init__(self) -> None:
        self._last: dict[Series, float] = {}
        self._last_times: dict[Series, tuple[int, ...]] = {}

    def of(self, counts: Mapping[Series, float]) -> dict[Series, float]:
        """What was added to each series; series that have not changed are left out."""
        added = {
            series: _added(self._last.get(series, 0.0), count)
            for series, count in counts.items()
            if self._last.get(series) != count
        }
        self._last.update(counts)
        return added

    def of_times(self, readings: Readings) -> dict[Series, tuple[int, ...]]:
        """What was added to each bucket of the histograms that have changed."""
        added: dict[Series, tuple[int, ...]] = {}
        for series, times in readings.times.items():
            last = self._last_times.get(series, (0,) * len(times.counts))
            if last != times.counts:
                pairs = zip(last, times.counts, strict=True)
                added[series] = tuple(int(_added(before, now)) for before, now in pairs)
                self._last_times[series] = times.counts
        return added


def _added(before: float, now: float) -> float:
    return now - before if now >= before else now
