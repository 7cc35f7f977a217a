"""How long transfers took: a histogram for each kind of source."""

from __future__ import annotations

import threading
from bisect import bisect_left
from itertools import accumulate

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper limits of the histogram's buckets, from a small chunk on a fast link to a stalled one."""


class TransferTimes:
    """A histogram of transfer times for each source; written by one thread, read by others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of_source: dict[str, tuple[list[int], float]] = {}

    def add(self, source: str, seconds: float) -> None:
        """Counts one transfer."""
        with self._lock:
            counts, total = self._of_source.get(source) or ([0] * (len(BUCKETS_S) + 1), 0.0)
            counts[bisect_left(BUCKETS_S, seconds)] += 1
            self._of_source[source] = counts, total + seconds

    def read(self) -> dict[str, tuple[list[tuple[str, float]], float]]:
        """By source: cumulative counts by upper limit, as Prometheus has them, and the sum."""
        limits = [*map(str, BUCKETS_S), "+Inf"]
        with self._lock:
            return {
                source: (list(zip(limits, map(float, accumulate(counts)), strict=True)), total)
                for source, (counts, total) in self._of_source.items()
            }
