"""The order of nodes in a tree, from the top to the leaves."""

from __future__ import annotations

from collections.abc import Sequence

from xfd_scheduler.policy.limits import delays_others
from xfd_scheduler.policy.tree_shape import fan_out
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.tuning import KEEP_IN_STEP_DIVISOR, LARGE_SWARM_NODES, ROTATION_STRIDE


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
        catching_up = swarm.catching_up
        classes_apply = swarm.links.classes_apply

        def rank(node: int) -> int:
            slow = members[node].speed_class if classes_apply else 0
            return 2 * slow + (catching_up >> node & 1)

        listed = self._list(receivers)
        self._keep_in_step(listed)
        is_large = len(listed) >= LARGE_SWARM_NODES
        turn = swarm.launch_count * ROTATION_STRIDE % len(listed) if is_large else 0
        order = listed[turn:] + listed[:turn]
        order.sort(key=lambda node: members[node].uplink_load)
        if is_narrow:
            order.sort(key=lambda node: members[node].promised)
        order.sort(key=rank)
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

    def _keep_in_step(self, receivers: Sequence[int]) -> None:
        """Lets nodes that catch up have promised no less than the others.

        They relay nothing meanwhile, and should not make up for that afterwards. They would stand
        at the top of all trees, and all nodes below would wait for one uplink.
        """
        swarm = self.swarm
        members = swarm.members
        late = {
            node
            for node in receivers
            if members[node].missed and delays_others(swarm, members[node])
        }
        if late and KEEP_IN_STEP_DIVISOR * len(late) < len(receivers):
            least = min(members[node].uplink_load for node in receivers if node not in late)
            for node in late:
                members[node].uplink_load = max(members[node].uplink_load, least)

    def _list(self, mask: int) -> list[int]:
        if self._listed[0] != mask:
            self._listed = (mask, positions(mask))
        return self._listed[1]
