"""Max-min fair sharing of links by flows, the usual model of TCP on long transfers.

Every flow crosses some links and may have a limit of its own, for example the bytes that its source
has. Rates are max-min fair: no flow can have more unless a flow with no more has less (Bertsekas
and Gallager, Data Networks, 1992, 6.5.2). With weights this holds for the rate over the weight.

The rates are found by progressive filling. A link is the bottleneck of its flows if its share per
unfrozen flow is no larger than on any other link that they cross. It freezes them. All such links
freeze at once, so a few rounds are enough.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SLACK = 1.0 + 1e-9
LIGHTEST = 1e-6
"""A smaller sum of weights on a link is an error of rounding."""


def fair_rates(
    paths: Ints, limits: Floats, capacities: Floats, weights: Floats, rounds: int = 64
) -> Floats:
    """Rates of flows, in the capacities' unit.

    Args:
        paths: links of each flow, one row per link crossed; a link that does not limit may have
            infinite capacity.
        limits: the most that each flow can take.
        capacities: of each link.
        weights: of each flow; if two share a link, their rates are as their weights.
        rounds: after this many, flows that are not frozen get their present share, which never
            exceeds what a link carries.
    """
    flows = limits.shape[0]
    rates = np.zeros(flows)
    limits = limits / weights
    left = capacities.astype(np.float64, copy=True)
    active = np.arange(flows)
    links = capacities.shape[0]
    for turn in range(rounds):
        if not active.size:
            break
        mine = paths[:, active]
        counts = np.zeros(links)
        for row in mine:
            counts += np.bincount(row, weights=weights[active], minlength=links)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(counts > LIGHTEST, np.maximum(left, 0.0) / counts, np.inf)
        shares = share[mine]
        least = shares.min(axis=0)
        wish = limits[active]
        level = np.minimum(least, wish)
        if turn == rounds - 1:
            rates[active] = level * weights[active]
            break
        # The smallest level on each link: a link is a bottleneck if its own share is.
        smallest = np.full(links, np.inf)
        for row in mine:
            np.minimum.at(smallest, row, level)
        frozen = wish <= least * SLACK
        for row, own in zip(mine, shares, strict=True):
            frozen |= (own <= least * SLACK) & (smallest[row] * SLACK >= own)
        if not frozen.any():
            frozen = level <= level.min() * SLACK
        done = active[frozen]
        got = level[frozen] * weights[done]
        rates[done] = got
        for row in mine:
            left -= np.bincount(row[frozen], weights=got, minlength=links)
        active = active[~frozen]
    return rates
