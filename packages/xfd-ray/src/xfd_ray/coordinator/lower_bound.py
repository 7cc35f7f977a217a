"""The physical lower bound on the time of a distribution.

With N nodes, F bytes, origin egress S, node down d_i and up u_i, disk write w_i:

    bound = max( F/S , F / min_i min(d_i, w_i) , (N - 1) * F / sum_i u_i )

(Kumar and Ross, "Peer-assisted file distribution: the minimum distribution time", 2006, with the
disk as a second limit on receiving.) The form used here is for nodes that lack different amounts.
What no node had must leave the origin, and each node must receive what it lacked. Nodes must send
what did not leave the origin, which may be read more than once (`origin_policy`).
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
        None if no limiting rate is known, or nothing was missing.
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


MIN_RUN_S = 2.0
"""A shorter run than two windows of a `RateMeter` has no observed bound: its peak says nothing."""


def bound_with_source(
    missing: Sequence[int],
    from_origin: int,
    from_peers: int,
    elapsed_s: float,
    configured: LinkRates | None,
    observed: LinkRates,
) -> tuple[float | None, BoundSource | None]:
    """The bound from configured rates if there are some, else from observed ones.

    It is never above `elapsed_s`. The run moved these bytes in that time, so its mean rates are
    observed rates too, and a configured rate that it exceeded does not limit it. Runs too short to
    observe a rate have no bound.
    """
    if (
        configured is not None
        and (bound := bound_s(missing, from_origin, from_peers, configured)) is not None
    ):
        return min(bound, elapsed_s), "configured" if bound <= elapsed_s else "observed"
    if elapsed_s < MIN_RUN_S:
        return None, None
    bound = bound_s(missing, from_origin, from_peers, observed)
    return (None, None) if bound is None else (min(bound, elapsed_s), "observed")
