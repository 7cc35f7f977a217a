"""The physical lower bound on the time of a distribution.

With N nodes, F bytes, origin egress S, node down d_i and up u_i, disk write w_i:

    bound = max( F/S , F / min_i min(d_i, w_i) , (N - 1) * F / sum_i u_i )

(Kumar and Ross, "Peer-assisted file distribution: the minimum distribution time", 2006, with the
disk as a second limit on receiving.) Here in the form for nodes that lack different amounts: what
no node had must leave the origin, each node must receive what it lacked, and nodes must send what
did not leave the origin, which may have been asked for more than once (`origin_policy`).
"""

from __future__ import annotations

from collections.abc import Sequence

from xfd_api.results import BoundSource
from xfd_ray.link_rates import LinkRates


def bound_s(
    missing: Sequence[int], from_origin: int, from_peers: int, rates: LinkRates
) -> float | None:
    """The least time that the bytes can take, in seconds.

    Args:
        missing: for each node, the bytes that it lacked.
        from_origin: bytes that no node had.
        from_peers: bytes that nodes sent each other.
        rates: what limits them.

    Returns:
        None where no rate is known that limits anything, or nothing was missing.
    """
    most, total = max(missing, default=0), sum(missing)
    if total == 0:
        return None
    times = []
    if rates.origin is not None and from_origin:
        times.append(from_origin / rates.origin)
    receiving = [rate for rate in (rates.down, rates.write) if rate is not None]
    if receiving:
        times.append(most / min(receiving))
    if rates.up is not None and from_peers:
        times.append(from_peers / (rates.up * len(missing)))
    return max(times, default=None)


class RateMeter:
    """The highest rate seen over a window of some length, from transfers that overlap it.

    A transfer's bytes are spread evenly over the time it took, in slots of `slot_s`.
    """

    def __init__(self, slot_s: float = 0.5, slots_per_window: int = 2) -> None:
        self._slot_s = slot_s
        self._slots_per_window = slots_per_window
        self._slots: dict[int, float] = {}

    def add(self, end: float, seconds: float, size: int) -> None:
        """`size` bytes moved in the `seconds` before `end`."""
        first = int((end - seconds) / self._slot_s)
        last = int(end / self._slot_s)
        for slot in range(first, last + 1):
            self._slots[slot] = self._slots.get(slot, 0.0) + size / (last - first + 1)

    def peak(self) -> float | None:
        """Bytes per second in the fullest window; None before a byte moved."""
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
    """The best that was seen of the origin, of any node's receiving and of any node's sending.

    A link that was never busy shows less than it could do, so a bound from these rates may be
    higher, and the efficiency better, than those from configured rates.
    """
    return LinkRates(
        origin=origin.peak(),
        down=max((peak for meter in down if (peak := meter.peak())), default=None),
        up=max((peak for meter in up if (peak := meter.peak())), default=None),
    )


LEAST_RUN_S = 2.0
"""A run must have lasted two windows of a `RateMeter`: the highest rate of less says nothing."""


def bound_with_source(
    missing: Sequence[int],
    from_origin: int,
    from_peers: int,
    elapsed_s: float,
    configured: LinkRates | None,
    observed: LinkRates,
) -> tuple[float | None, BoundSource | None]:
    """The bound from configured rates where there are some, else from observed ones.

    It is never above `elapsed_s`: the run moved these bytes in that time, so that its mean rates
    are observed ones as well, and a configured rate that it exceeded is none that limits. Runs that
    were too short for a rate to be observed have no bound.
    """
    if (
        configured is not None
        and (bound := bound_s(missing, from_origin, from_peers, configured)) is not None
    ):
        return min(bound, elapsed_s), "configured" if bound <= elapsed_s else "observed"
    if elapsed_s < LEAST_RUN_S:
        return None, None
    bound = bound_s(missing, from_origin, from_peers, observed)
    return (None, None) if bound is None else (min(bound, elapsed_s), "observed")
