"""Which node sends a chunk to which, once the receivers are known: trees with bounded fan-out.

Every node passes a chunk on to a few others, and nodes that have promised least stand at the top.
Over a few waves each node has been inside one tree and a leaf in the others, so that all uplinks
carry the same. SplitStream (Castro et al., 2003) sets this rotation up explicitly; here it follows
from the order. A node with a quarter of the uplink is inside a tree a quarter as often. It stands
below the fast nodes, so that no fast node waits for it. What it can send goes to other slow nodes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence

from xfd_scheduler.tuning import LEVEL_COST

FanOut = Callable[[int], int]
"""How many nodes a node may send one chunk to."""


def doubling_parents(
    roots: Sequence[int], order: Sequence[int], may_send: Callable[[int], bool]
) -> list[int]:
    """The parent of each node of `order`, without relays.

    Each node that has the chunk sends it to one more node in each round. N nodes below one root
    take ceil(log2 (N + 1)) rounds.
    """
    senders = list(roots)
    parents: list[int] = []
    turn: Iterator[int] = iter(())
    for node in order:
        parent = next(turn, None)
        if parent is None:
            turn = iter(list(senders))
            parent = next(turn)
        parents.append(parent)
        if may_send(node):
            senders.append(node)
    return parents


def breadth_first_parents(roots: Sequence[int], order: Sequence[int], fan_out: FanOut) -> list[int]:
    """The parent of each node of `order`, below at least one root, level by level.

    The parent is a root or a node that comes before. If the fan-outs are not enough, the last
    parent that had room has one more child.
    """
    parents: list[int] = []
    needed = len(order)
    for root in roots:
        parents.extend([root] * max(1, fan_out(root)))
        if len(parents) >= needed:
            return parents[:needed]
    for place, node in enumerate(order):
        if len(parents) >= needed:
            break
        if len(parents) <= place:
            parents.append(parents[-1])
        parents.extend([node] * fan_out(node))
    while len(parents) < needed:
        parents.append(parents[-1])
    return parents[:needed]


def least_promised_parents(
    above: Sequence[int],
    order: Sequence[int],
    uplink_load: Mapping[int, float],
    chunk_load: Callable[[int], float],
    fan_out: FanOut,
) -> list[int]:
    """The parent of each node of `order`: the one that has promised least.

    Parents are the nodes of `above`, of which there is at least one, and nodes of `order` that come
    before and have a fan-out. Level by level, all slow nodes would send to the nodes above, because
    there is room for all of them before the first one is placed.

    Args:
        above: nodes that have the chunk before these.
        order: nodes to place.
        uplink_load: what each node has promised, see `Member`.
        chunk_load: what one more chunk adds to that. A level counts as a part of it, so that no
            long chains arise.
        fan_out: 0 for a node that sends to none.
    """
    parents: list[int] = []
    free = [(uplink_load[node], 0, node) for node in above]
    heapq.heapify(free)
    for node in order:
        promised, depth, parent = free[0]
        parents.append(parent)
        heapq.heapreplace(free, (promised + chunk_load(parent), depth, parent))
        if fan_out(node):
            below = uplink_load[node] + (depth + 1) * LEVEL_COST * chunk_load(node)
            heapq.heappush(free, (below, depth + 1, node))
    return parents
