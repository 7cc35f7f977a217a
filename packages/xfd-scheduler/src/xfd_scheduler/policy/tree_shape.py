"""The shape of a swarm's trees: the order of their nodes, how wide they are, and their zones."""

from __future__ import annotations

from collections.abc import Sequence

from xfd_scheduler.bounds import LARGE_SWARM_NODES
from xfd_scheduler.policy.limits import delays_others
from xfd_scheduler.policy.tree_layout import FanOut
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.tuning import MIN_FAN_OUT, MOST, NARROW_TREE_LEVELS, ROTATION_STRIDE


def in_order(swarm: SwarmState, receivers: int) -> list[int]:
    """The nodes of a bit set: fast ones first, then those that have promised least.

    In narrow trees, nodes with few orders in flight come first among these. An uplink that was
    promised no more than others may be full, since streams are not equally fast. In wide trees, and
    across zones, orders wait for other links, and their number says nothing of the uplink.

    Equal nodes of a large swarm change places between waves. Otherwise the same nodes would always
    be below the same source. A node lets only so many orders wait for one source, and would
    start later waves meanwhile, each node others.
    """
    members = swarm.members
    listed = positions(receivers)
    is_large = len(listed) >= LARGE_SWARM_NODES
    turn = swarm.launch_count * ROTATION_STRIDE % len(listed) if is_large else 0
    order = listed[turn:] + listed[:turn]
    order.sort(key=lambda node: members[node].uplink_load)
    if fan_out(swarm) < swarm.settings.fan_out and len(swarm.zones) < 2:
        order.sort(key=lambda node: members[node].promised)
    if swarm.catching_up:
        order.sort(key=lambda node: swarm.catching_up >> node & 1)
    if swarm.links.classes_apply:
        order.sort(key=lambda node: members[node].speed_class)
    return order


def fast_ones(swarm: SwarmState, order: Sequence[int]) -> int:
    """How many nodes of `order` come before those that are slow or catch up."""
    catching_up = swarm.catching_up
    classes_apply = swarm.links.classes_apply
    count = len(order)
    while count and (
        (classes_apply and swarm.members[order[count - 1]].speed_class)
        or catching_up >> order[count - 1] & 1
    ):
        count -= 1
    return count


def rotated(swarm: SwarmState, order: Sequence[int]) -> list[int]:
    """The order for the next chunk of a run: the nodes at the top come last of the fast ones."""
    fast = fast_ones(swarm, order)
    top = -(-fast // fan_out(swarm))
    return [*order[top:fast], *order[:top], *order[fast:]]


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

    None if it is not available. A node that catches up sends to some only if such nodes have most
    of the swarm's uplink.
    """
    members = swarm.members
    most = fan_out(swarm)
    are_many = swarm.catching_up.bit_count() >= MOST * len(members)
    relaying = swarm.catching_up if are_many else 0

    def children(node: int) -> int:
        member = members[node]
        if not swarm.available & member.bit:
            return 0
        return 0 if delays_others(swarm, member) and not relaying & member.bit else most

    return children


def by_zone(swarm: SwarmState, order: Sequence[int]) -> list[list[int]]:
    """The nodes of each zone, in their order; zones in the order of their first nodes."""
    if len(swarm.zones) < 2:
        return [list(order)]
    zones: dict[str, list[int]] = {}
    for node in order:
        zones.setdefault(swarm.members[node].zone, []).append(node)
    return list(zones.values())
