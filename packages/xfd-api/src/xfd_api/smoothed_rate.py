"""The rate at which a total grows of late, smoothed. Pure: time is an argument."""

from __future__ import annotations

from typing import Final

HALF_LIFE_S: Final = 3.0
"""What happened this many seconds ago counts half as much as what happens now."""

SHORTEST_SAMPLE_S: Final = 0.2
"""Totals that follow sooner are part of the next sample: bytes arrive in bursts."""

FIRST_SAMPLE_S: Final = 1.0
"""The first sample is longer. Connections are being opened, so nothing is known before."""

LONGEST_FORECAST_S: Final = 30 * 86400.0
"""A rate that fades out promises ages; nobody is helped by a forecast beyond this."""


def seconds_left(missing_bytes: int, bytes_per_s: float | None) -> float | None:
    """The time until these bytes are there at that rate; None if it cannot be said.

    Example:
        >>> seconds_left(300, 100.0), seconds_left(300, 0.0), seconds_left(300, 1e-30)
        (3.0, None, None)
    """
    if not bytes_per_s:
        return None
    left_s = missing_bytes / bytes_per_s
    return left_s if left_s <= LONGEST_FORECAST_S else None


class SmoothedRate:
    """The exponentially weighted mean of the rates between totals.

    Example:
        >>> rate = SmoothedRate()
        >>> for second in range(4):
        ...     rate.add(float(second), 100 * second)
        >>> rate.per_s
        100.0
    """

    __slots__ = ("_at", "_sum", "_total", "_weight")

    def __init__(self) -> None:
        self._at: float | None = None
        self._total = 0
        self._sum = 0.0
        self._weight = 0.0

    def add(self, now: float, total: int) -> None:
        """Takes the total at a time, in seconds that never go back.

        A total that is smaller than the last one belongs to a count that began anew.
        """
        if self._at is None or total < self._total:
            self._at, self._total = now, total
            return
        elapsed_s = now - self._at
        if elapsed_s < (SHORTEST_SAMPLE_S if self._weight else FIRST_SAMPLE_S):
            return
        kept = 0.5 ** (elapsed_s / HALF_LIFE_S)
        self._sum = kept * self._sum + (1.0 - kept) * (total - self._total) / elapsed_s
        # The weights of the first samples add up to less than 1.
        self._weight = kept * self._weight + 1.0 - kept
        self._at, self._total = now, total

    @property
    def per_s(self) -> float | None:
        """The rate by the last total; None before there is one."""
        return self._sum / self._weight if self._weight else None
