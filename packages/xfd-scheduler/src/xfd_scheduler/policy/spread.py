"""Launches chunks that nobody has: who reads them from the origin, and who gets them from whom.

A wave is a run of a few neighbouring chunks. One node reads each chunk (or one in each zone, or
some more: the origin's policy), and everybody who wants it and has room gets it in the same plan,
from a node above it in a tree of the chunk's own. Where nodes have zones, a chunk enters each zone
once and spreads inside.
"""

from __future__ import annotations

from collections.abc import Sequence

from xfd_scheduler.policy import tree_layout
from xfd_scheduler.policy.commit import book_queues, launch_tree
from xfd_scheduler.policy.origin_readers import Readers, fan_out
from xfd_scheduler.policy.relay_tree import reached, seated
from xfd_scheduler.state.bitset import positions, run_length
from xfd_scheduler.state.transitions import Swarm
from xfd_scheduler.tuning import (
    CATCHING_UP_RELAY_DIVISOR,
    KEEP_IN_STEP_DIVISOR,
    LARGE_SWARM_NODES,
    ROTATION_STRIDE,
    WAVE_START_DIVISOR,
)


class Waves:
    """Launches waves into a swarm, within what `left` allows."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.settings = swarm.settings
        self.left = 0
        self._readers = Readers(swarm)
        self._members_of_mask: tuple[int, list[int]] = (0, [])
        self._latest_priority = -(2**31)

    def launch(self, left: int) -> int:
        """Launches what there is room for; returns how many more assignments may be made.

        A wave starts when some node is running dry or half of the nodes have room, so that nearly
        all take part in it. A chunk that is needed sooner than those before waits for no room.
        """
        swarm = self.swarm
        self.left = left
        priorities = swarm.catalog.by_priority.values()
        unborn = swarm.rarity.classes
        if not unborn[0] & swarm.wanted:
            return left
        while self.left > 0:
            chunk = swarm.rarity.rarest(unborn[0] & swarm.wanted, priorities)
            if chunk < 0 or not self._is_urgent(chunk):
                break
            if not self._wave(chunk, swarm.open_on[chunk]):
                break
        # Who has to wait for the origin, with all who want what he wants; others go on.
        waiting = 0
        for index in positions(swarm.dry & swarm.hungry):
            while ((swarm.dry & ~waiting) >> index) & 1 and self.left > 0:
                chunk = swarm.rarity.rarest(swarm.members[index].open & unborn[0], priorities)
                if chunk < 0:
                    break
                takers = swarm.open_on[chunk]
                if not self._wave(chunk, swarm.soft):
                    if swarm.origin_is_taken():
                        return self.left
                    waiting |= takers
        waiting = 0
        while self.left > 0 and (mask := self._unborn_beside(waiting)):
            chunk = swarm.rarity.rarest(mask, priorities)
            wanting = swarm.open_on[chunk]
            has_room = (
                WAVE_START_DIVISOR * (wanting & swarm.roomy).bit_count() >= wanting.bit_count()
            )
            if not has_room or not self._wave(chunk, swarm.soft):
                if swarm.origin_is_taken():
                    break
                waiting |= wanting
        return self.left

    def _unborn_beside(self, waiting: int) -> int:
        """Unborn chunks that somebody wants who does not wait; bit set. All, where nobody waits."""
        swarm = self.swarm
        unborn = swarm.rarity.classes[0] & swarm.wanted
        if not waiting:
            return unborn
        for index in positions(swarm.roomy & swarm.hungry & ~waiting):
            if mine := unborn & swarm.members[index].open:
                return mine
        return 0

    def _is_urgent(self, chunk: int) -> bool:
        return self.swarm.catalog.priorities[chunk] < self._latest_priority

    def _wave(self, first: int, room: int) -> bool:
        """Launches a run of unborn chunks; False where nobody may read the origin now."""
        swarm = self.swarm
        takers = swarm.open_on[first] & room
        if not takers:
            return False
        limit = run_length(swarm.rarity.classes[0] & swarm.wanted, first, swarm.run_limit)
        count = 1
        priorities = swarm.catalog.priorities
        while (
            count < limit
            and swarm.open_on[first + count] & room == takers
            and priorities[first + count] == priorities[first]
        ):
            count += 1
        launched = self._launch_run(first, count, takers)
        self.left -= launched * takers.bit_count()
        return launched > 0

    def _launch_run(self, first: int, count: int, takers: int) -> int:
        """Each chunk of the run in a tree of its own, in very large swarms each two; returns how
        many could be launched.

        Neighbours in the run differ in who stands at the top, so that what is under way at a time
        asks all uplinks for about the same: a node whose children all want four chunks at once has
        a full uplink while others idle.
        """
        swarm = self.swarm
        order: list[int] = []
        mine: list[int] = []
        launched = 0
        turn = 0
        room = self._room_below()
        while launched < count:
            chunk = first + launched
            order = self._turned(order) if turn else self._in_tree(takers)
            turn = (turn + 1) % fan_out(swarm) if self._may_turn(order) else 0
            if not takers & swarm.offering:
                order = order[:1]
                takers = 1 << order[0]
            together = min(swarm.tree_limit, count - launched)
            readers = self._readers.choose(order, chunk, together)
            if readers is None and together > 1:
                together = 1
                readers = self._readers.choose(order, chunk, together)
            if readers is None:
                break
            able = reached(swarm, readers, order)
            if len(able) < len(order):
                order = able
                takers = sum(1 << node for node in order)
                turn = 0
            if launched and len(order) != len(mine):
                break
            mine = order
            below = [node for node in order if node not in readers]
            seats = seated(swarm, readers, below, room)
            launch_tree(swarm, chunk, together, takers, readers, *seats)
            launched += together
            priority = swarm.catalog.priorities[chunk]
            self._latest_priority = max(self._latest_priority, priority)
        book_queues(swarm, first, launched, mine)
        return launched

    def _may_turn(self, order: Sequence[int]) -> bool:
        """Whether it is a large swarm of equal nodes, which need not be sorted for each chunk."""
        if len(order) < LARGE_SWARM_NODES:
            return False
        slowest = self.swarm.members[order[-1]].speed_class
        return not slowest or not self.swarm.speeds.fast_ones_suffice

    def _turned(self, order: list[int]) -> list[int]:
        """Those that stood at the top stand at the bottom."""
        top = -(-len(order) // fan_out(self.swarm))
        return order[top:] + order[:top]

    def _in_tree(self, takers: int) -> list[int]:
        """From the top to the leaves: quick nodes first, then who has promised least in all.

        Where trees are narrow, then who has least under way: an uplink that was
        promised no more than others may be full all the same, since streams are not equally quick.
        Where trees are wide or cross zones, orders wait for other links, and their number says
        nothing of the uplink.
        """
        swarm = self.swarm
        members = swarm.members
        by_load = fan_out(swarm) < swarm.settings.fan_out and len(swarm.zones) < 2
        behind = swarm.behind
        trusted = swarm.speeds.fast_ones_suffice

        def rank(node: int) -> int:
            slow = members[node].speed_class if trusted else 0
            return 2 * slow + (behind >> node & 1)

        # Equal nodes change places from wave to wave, else the same ones would always sit below
        # the same source: a node lets only so many orders wait for one source, and would take up
        # later waves while it waits, each node others.
        listed = self._listed(takers)
        self._keep_in_step(listed)
        turn = (
            swarm.launched * ROTATION_STRIDE % len(listed)
            if len(listed) >= LARGE_SWARM_NODES
            else 0
        )
        order = listed[turn:] + listed[:turn]
        order.sort(key=lambda node: members[node].clock)
        if by_load:
            order.sort(key=lambda node: members[node].promised)
        order.sort(key=rank)
        return order

    def _keep_in_step(self, takers: Sequence[int]) -> None:
        """Who catches up passes nothing on meanwhile, and is not to make up for that afterwards: it
        would stand at the top of all trees, with everybody below it waiting for one uplink.
        """
        swarm = self.swarm
        members = swarm.members
        waiting = {
            node
            for node in takers
            if members[node].missed and swarm.keeps_others_waiting(members[node])
        }
        if waiting and KEEP_IN_STEP_DIVISOR * len(waiting) < len(takers):
            least = min(members[node].clock for node in takers if node not in waiting)
            for node in waiting:
                members[node].clock = max(members[node].clock, least)

    def _listed(self, mask: int) -> list[int]:
        if self._members_of_mask[0] != mask:
            self._members_of_mask = (mask, positions(mask))
        return self._members_of_mask[1]

    def _room_below(self) -> tree_layout.FanOut:
        swarm = self.swarm
        members = swarm.members
        most = fan_out(swarm)
        # Nodes that catch up pass on only where they have most of the swarm's uplink.
        active = (
            swarm.behind
            if CATCHING_UP_RELAY_DIVISOR * swarm.behind.bit_count() >= len(members)
            else 0
        )

        def room(node: int) -> int:
            member = members[node]
            if swarm.keeps_others_waiting(member) and not active >> node & 1:
                return 0
            if not swarm.offering & member.bit or member.promised >= swarm.promise_limit(member):
                return 0
            if not member.speed_class:
                return most
            return round(most * member.up_share)

        return room
