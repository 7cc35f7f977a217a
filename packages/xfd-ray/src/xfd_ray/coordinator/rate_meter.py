"""The highest rates that links have shown. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from xfd_ray.link_rates import LinkRates


class RateMeter:
    """The highest rate seen over a window of some length, from transfers that overlap it.

    A transfer's bytes are spread evenly over the time it took, in slots of `slot_s`.
    """

    def __init__(self, slot_s: float = 0.5, slots_per_window: int = 2) -> None:
        self._slot_s = slot_s
        self._slots_per_window = slots_per_window
        self._slots: dict[int, float] = {}

    def add(self, end: float, seconds: float, size: int) -> None:
        """Adds `size` bytes that moved in the `seconds` before `end`."""
        first = int((end - seconds) / self._slot_s)
        last = int(end / self._slot_s)
        for slot in range(first, last + 1):
            self._slots[slot] = self._slots.get(slot, 0.0) + size / (last - first + 1)

    def peak(self) -> float | None:
        """Bytes per second in the fullest window; None if no byte has moved."""
        if not any(self._slots.values()):
            return None
        width = self._slots_per_window
        fullest = max(
            sum(self._slots.get(slot + k, 0.0) for k in range(width)) for slot in self._slots
        )
        return fullest / (width * self._slot_s)


def observed_rates(
    origin: RateMeter, down: Sequence[RateMeter], up: Sequence[RateMeter]
) -> LinkRates:
    """The highest rates of the origin, of any node's receiving and of any node's sending.

    A link that was never busy shows less than it can carry. So the bound from these rates may be
    higher, and the efficiency better, than with configured rates.
    """
    return LinkRates(
        origin=origin.peak(),
        down=max((peak for meter in down if (peak := meter.peak())), default=None),
        up=max((peak for meter in up if (peak := meter.peak())), default=None),
    )
