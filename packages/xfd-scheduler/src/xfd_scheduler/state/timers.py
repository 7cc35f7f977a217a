"""How long to leave a failing part alone, and who is left alone until when."""

from __future__ import annotations

import heapq


def delay(failures: int, base_s: float, ceiling_s: float) -> float:
    """Seconds to wait after the `failures`-th failure in a row: doubling, with a ceiling."""
    return min(ceiling_s, base_s * float(2 ** min(max(failures, 1) - 1, 30)))


class Alarms:
    """Keys that wake up at a time. A key set again wakes at its later time only."""

    def __init__(self) -> None:
        self._due: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []

    def __contains__(self, key: int) -> bool:
        return key in self._due

    def __len__(self) -> int:
        return len(self._due)

    def asleep(self) -> list[int]:
        """Keys that are still asleep, in order."""
        return sorted(self._due)

    def set(self, key: int, due: float) -> None:
        """Wakes `key` at `due`."""
        self._due[key] = due
        heapq.heappush(self._heap, (due, key))

    def forget(self, key: int) -> bool:
        """Never wakes `key`; says whether it was asleep."""
        return self._due.pop(key, None) is not None

    def pop_due(self, now: float) -> list[int]:
        """Keys whose time has come, soonest first."""
        woken = []
        while self._heap and self._heap[0][0] <= now:
            due, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                woken.append(key)
        return woken

    def next(self) -> float | None:
        """When the next key wakes."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
