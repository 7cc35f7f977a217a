"""Who sends a chunk on to whom, once it is known who gets it: a tree with bounded fan-out.

Every node passes a chunk on to at most `fan_out` others, and nodes that have promised least (in
seconds of their uplink; in narrow trees, of what is under way) stand at the top. Over `fan_out`
waves each node has been inside one tree and a leaf in the others, so that all uplinks carry the
same: the rotation that SplitStream sets up by hand (Castro et al. 2003) follows from the sorting. A
node with a quarter of the uplink is inside a tree a quarter as often, has fewer children there, and
stands below the fast ones, so that nobody fast waits behind it; what it can send goes to other slow
ones.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence

from xfd_scheduler.tuning import LEVEL_COST

FanOut = Callable[[int], int]
"""How many nodes a node may send one chunk on to."""


def doubled(roots: Sequence[int], order: Sequence[int], sends: Callable[[int], bool]) -> list[int]:
    """The source of each node of `order`, where whoever has the chunk sends it to one more node in
    each round: N nodes below one root take ceil(log2 (N + 1)) rounds.
    """
    senders = list(roots)
    chosen: list[int] = []
    turn: Iterator[int] = iter(())
    for node in order:
        source = next(turn, None)
        if source is None:
            turn = iter(list(senders))
            source = next(turn)
        chosen.append(source)
        if sends(node):
            senders.append(node)
    return chosen


def seats(roots: Sequence[int], order: Sequence[int], fan_out: FanOut) -> list[int]:
    """The source of each node of `order`, given who holds (or will hold) the bytes already.

    The k-th node sits below a root (there is at least one) or a node before it. Where the fan-outs
    leave no seat, the last source that has one takes another.
    """
    chosen: list[int] = []
    need = len(order)
    for root in roots:
        chosen.extend([root] * max(1, fan_out(root)))
        if len(chosen) >= need:
            return chosen[:need]
    for place, node in enumerate(order):
        if len(chosen) >= need:
            break
        if len(chosen) <= place:
            chosen.append(chosen[-1])
        chosen.extend([node] * fan_out(node))
    while len(chosen) < need:
        chosen.append(chosen[-1])
    return chosen[:need]


def least_promised(
    above: Sequence[int],
    order: Sequence[int],
    clock: Mapping[int, float],
    seconds: Callable[[int], float],
    fan_out: FanOut,
) -> list[int]:
    """The source of each node of `order`: of those in `above` (there is at least one) and of the
    nodes before it that have a fan-out, the one that has promised least.

    Seats that are given from the top would leave all sending to those above: there is a seat for
    everyone before the first node of `order` has its turn. `seconds` are what one more takes of a
    node's uplink; a level further down counts as a part of that, so that no long chains are made.
    """
    chosen: list[int] = []
    free = [(clock[node], 0, node) for node in above]
    heapq.heapify(free)
    for node in order:
        promised, depth, source = free[0]
        chosen.append(source)
        heapq.heapreplace(free, (promised + seconds(source), depth, source))
        if fan_out(node):
            below = clock[node] + (depth + 1) * LEVEL_COST * seconds(node)
            heapq.heappush(free, (below, depth + 1, node))
    return chosen
