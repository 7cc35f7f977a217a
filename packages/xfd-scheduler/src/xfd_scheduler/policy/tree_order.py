"""The order of nodes in a tree, from the top to the leaves."""

from __future__ import annotations

from collections.abc import Sequence

from xfd_scheduler.bounds import LARGE_SWARM_NODES
from xfd_scheduler.policy.tree_shape import fan_out
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.tuning import ROTATION_STRIDE


class TreeOrder:
    """Sorts the nodes that receive a chunk."""

    def __init__(self, swarm: SwarmState) -> None:
        self.swarm = swarm
        self._listed: tuple[int, list[int]] = (0, [])
        """The latest set of nodes, as a bit set and as a list."""

    def sort(self, receivers: int) -> list[int]:
        """The nodes of a bit set: fast ones first, then those that have promised least.

        In narrow trees, nodes with few orders in flight come first among these. An uplink that was
        promised no more than others may be full, since streams are not equally fast. In wide trees,
        and across zones, orders wait for other links, and their number says nothing of the uplink.

        Equal nodes of a large swarm change places between waves. Otherwise the same nodes would
        always be below the same source. A node lets only so many orders wait for one source, and
        would start later waves meanwhile, each node others.
        """
        swarm = self.swarm
        members = swarm.members
        is_narrow = fan_out(swarm) < swarm.settings.fan_out and len(swarm.zones) < 2
        listed = self._list(receivers)
        is_large = len(listed) >= LARGE_SWARM_NODES
        turn = swarm.launch_count * ROTATION_STRIDE % len(listed) if is_large else 0
        order = listed[turn:] + listed[:turn]
        order.sort(key=lambda node: members[node].uplink_load)
        if is_narrow:
            order.sort(key=lambda node: members[node].promised)
        if swarm.catching_up:
            order.sort(key=lambda node: swarm.catching_up >> node & 1)
        if swarm.links.classes_apply:
            order.sort(key=lambda node: members[node].speed_class)
        return order

    def may_rotate(self, order: Sequence[int]) -> bool:
        """Whether these are many equal nodes, which need not be sorted for each chunk."""
        if len(order) < LARGE_SWARM_NODES:
            return False
        slowest = self.swarm.members[order[-1]].speed_class
        return not slowest or not self.swarm.links.classes_apply

    def rotate(self, order: list[int]) -> list[int]:
        """The same order with the nodes of the top at its end."""
        top = -(-len(order) // fan_out(self.swarm))
        return order[top:] + order[:top]

    def _list(self, mask: int) -> list[int]:
        if self._listed[0] != mask:
            self._listed = (mask, positions(mask))
        return self._listed[1]
