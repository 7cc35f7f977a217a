"""How wide the trees of a swarm are, and which nodes of them are in one zone."""

from __future__ import annotations

from collections.abc import Sequence

from xfd_scheduler.policy.limits import delays_others, promise_limit
from xfd_scheduler.policy.tree_layout import FanOut
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.tuning import MIN_FAN_OUT, MOST, NARROW_TREE_LEVELS


def fan_out(swarm: SwarmState) -> int:
    """How many nodes one node sends a chunk to, at most.

    If all links are known to be alike, the least number for which `NARROW_TREE_LEVELS` levels are
    enough. The less a chunk asks of one uplink, the more evenly all uplinks are used. While links
    are unknown, or some are slow, trees are wide, so that few nodes are below a slow one. Few
    chunks make a deep tree: a single chunk goes through a binary one.
    """
    settings = swarm.settings
    most = min(settings.fan_out, settings.upload_slots, max(MIN_FAN_OUT, len(swarm.catalog.sizes)))
    if not swarm.links.are_alike:
        return most
    below = len(swarm.members) - 1
    return next((k for k in range(MIN_FAN_OUT, most) if _nodes_below_root(k) >= below), most)


def _nodes_below_root(children: int) -> int:
    """Nodes below the root of a tree of `NARROW_TREE_LEVELS` levels."""
    return sum(children**level for level in range(1, NARROW_TREE_LEVELS + 1))


def fan_out_by_node(swarm: SwarmState) -> FanOut:
    """How many nodes each node sends a chunk to, in trees that are laid out now.

    None if it is not available, or named by as many orders as it may be. A node that catches up has
    some only if such nodes have most of the swarm's uplink.
    """
    members = swarm.members
    most = fan_out(swarm)
    catching_up = swarm.catching_up
    are_many = catching_up.bit_count() >= MOST * len(members)
    relaying = catching_up if are_many else 0

    def children(node: int) -> int:
        member = members[node]
        if delays_others(swarm, member) and not relaying >> node & 1:
            return 0
        if not swarm.available & member.bit or member.promised >= promise_limit(swarm, member):
            return 0
        return most

    return children


def by_zone(swarm: SwarmState, order: Sequence[int]) -> list[list[int]]:
    """The nodes of each zone, in their order; zones in the order of their first nodes."""
    if len(swarm.zones) < 2:
        return [list(order)]
    zones: dict[str, list[int]] = {}
    for node in order:
        zones.setdefault(swarm.members[node].zone, []).append(node)
    return list(zones.values())
