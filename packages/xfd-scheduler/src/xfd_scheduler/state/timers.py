"""Timers by number, and how long a failing part rests."""

from __future__ import annotations

import heapq


def delay(failures: int, base_s: float, ceiling_s: float) -> float:
    """Seconds to wait after the `failures`-th failure in a row: doubling, with a ceiling."""
    return min(ceiling_s, base_s * float(2 ** min(max(failures, 1) - 1, 30)))


class Timers:
    """Keys that are due at a time. If a key is set again, only the later call counts."""

    def __init__(self) -> None:
        self._due: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []

    def __contains__(self, key: int) -> bool:
        return key in self._due

    def __len__(self) -> int:
        return len(self._due)

    def pending(self) -> list[int]:
        """Keys that are not due yet, in order."""
        return sorted(self._due)

    def set(self, key: int, due: float) -> None:
        """Makes `key` due at that time."""
        self._due[key] = due
        heapq.heappush(self._heap, (due, key))

    def cancel(self, key: int) -> None:
        """Removes `key`, if it is there."""
        self._due.pop(key, None)

    def pop_due(self, now: float) -> list[int]:
        """Removes the keys that are due and returns them, earliest first."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            due, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                found.append(key)
        return found

    def next_due(self) -> float | None:
        """When the next key is due; None if there is none."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
