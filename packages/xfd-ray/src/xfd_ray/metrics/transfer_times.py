"""How long transfers took: a histogram for each kind of source."""

from __future__ import annotations

import threading
from bisect import bisect_left

from xfd_ray.metrics.readings import BUCKETS_S, Times


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

    def read(self) -> dict[str, Times]:
        """The histograms, by source."""
        with self._lock:
            return {
                source: Times(tuple(counts), total)
                for source, (counts, total) in self._of_source.items()
            }
