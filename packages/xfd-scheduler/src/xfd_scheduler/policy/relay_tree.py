"""The trees of a wave below its readers, zone by zone.

A node that is not available as a source (it is banned, or rests) only stands below others.
"""

from __future__ import annotations

from collections.abc import Sequence

from xfd_scheduler.policy import tree_layout
from xfd_scheduler.policy.tree_layout import FanOut
from xfd_scheduler.policy.tree_shape import by_zone, fast_ones
from xfd_scheduler.state.swarm_state import SwarmState


def reachable(swarm: SwarmState, readers: Sequence[int], order: Sequence[int]) -> list[int]:
    """The nodes of `order` that can receive what these nodes read.

    All of them, with two exceptions. A zone that reads for itself waits for its reader. Readers
    that are not available send to no other node.
    """
    sources = [node for node in readers if swarm.available >> node & 1]
    if swarm.settings.origin_policy == "once-per-zone":
        read_in = {swarm.members[node].zone for node in sources}
        return [node for node in order if swarm.members[node].zone in read_in or node in readers]
    return list(order if sources else readers)


def lay_out(
    swarm: SwarmState, readers: Sequence[int], order: Sequence[int], fan_out: FanOut
) -> tuple[list[int], list[int]]:
    """Places the nodes of `order`, which has no reader, below the readers.

    A chunk enters each zone without a reader through one node, its gateway.

    Returns:
        The nodes, each after its parent, and their parents.
    """
    if not order:
        return [], []
    sources = [node for node in readers if swarm.available >> node & 1]
    groups = by_zone(swarm, order)
    roots: dict[str, list[int]] = {}
    for node in sources:
        roots.setdefault(swarm.members[node].zone, []).append(node)
    gateways: list[int] = []
    for group in groups:
        zone = swarm.members[group[0]].zone
        if zone not in roots:
            gateway = [node for node in group if swarm.available >> node & 1][:1]
            gateways.extend(gateway or group)
            roots[zone] = gateway
    nodes = list(gateways)
    parents = _parents(swarm, sources, gateways, fan_out)
    for group in groups:
        mine = roots[swarm.members[group[0]].zone]
        inside = [node for node in group if node not in mine] if mine else []
        nodes.extend(inside)
        parents.extend(_parents(swarm, mine, inside, fan_out))
    return nodes, parents


def _parents(
    swarm: SwarmState, roots: Sequence[int], order: Sequence[int], fan_out: FanOut
) -> list[int]:
    if swarm.settings.relay:
        return _relay_parents(swarm, roots, order, fan_out)
    return tree_layout.doubling_parents(
        roots, order, lambda node: bool(swarm.available >> node & 1)
    )


def _relay_parents(
    swarm: SwarmState, roots: Sequence[int], order: Sequence[int], fan_out: FanOut
) -> list[int]:
    """Places fast nodes level by level, and the others below the node that promised least."""
    members = swarm.members
    fast = fast_ones(swarm, order)
    parents = tree_layout.breadth_first_parents(roots, order[:fast], fan_out)
    if fast == len(order):
        return parents
    size = swarm.catalog.mean_size

    def chunk_load(node: int) -> float:
        return size / members[node].up_share

    uplink_load = {node: members[node].uplink_load for node in (*roots, *order)}
    for parent in parents:
        uplink_load[parent] += chunk_load(parent)
    above = [*roots, *(node for node in order[:fast] if fan_out(node))]
    parents.extend(
        tree_layout.least_promised_parents(above, order[fast:], uplink_load, chunk_load, fan_out)
    )
    return parents
