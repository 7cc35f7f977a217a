"""Which nodes read the chunks of a tree from the origin: one, one in each zone, or several."""

from __future__ import annotations

from collections.abc import Sequence

from xfd_scheduler.bounds import READER_CANDIDATES
from xfd_scheduler.policy.tree_shape import by_zone, fan_out, fast_ones
from xfd_scheduler.state import origin_budget
from xfd_scheduler.state.swarm_state import SwarmState


class OriginReaders:
    """Chooses readers by the origin policy, and by how much each node has read before."""

    def __init__(self, swarm: SwarmState) -> None:
        self.swarm = swarm
        self.settings = swarm.settings

    def choose(self, order: Sequence[int], first: int, count: int) -> list[int] | None:
        """The readers of `count` chunks from `first` on; None if too few nodes may read now.

        `order` are the nodes of the tree, from the top to the leaves.
        """
        groups = by_zone(self.swarm, order)
        if self.settings.origin_policy == "once-per-zone":
            return self._one_each(groups, first, count)
        copies = min(self.settings.origin_copies, len(order))
        readers = self._one_each(groups[:copies] if copies > 1 else [order], first, count)
        if readers is None or len(readers) == copies:
            return readers
        rest = [node for node in order if node not in readers]
        while len(readers) < copies:
            reader = self._reader(rest, first, count)
            if reader is None or not self._may_all_read([*readers, reader], count):
                break
            readers.append(reader)
            rest.remove(reader)
        return readers

    def _one_each(
        self, groups: Sequence[Sequence[int]], first: int, count: int
    ) -> list[int] | None:
        """A reader in each group, as far as all of them may read now; None if there is none."""
        readers: list[int] = []
        for group in groups:
            reader = self._reader(group, first, count)
            if reader is not None and self._may_all_read([*readers, reader], count):
                readers.append(reader)
        return readers or None

    def _may_all_read(self, readers: Sequence[int], count: int) -> bool:
        swarm = self.swarm
        if len(readers) == 1:
            return True
        added = sum(origin_budget.added_load(swarm, swarm.members[node], count) for node in readers)
        return swarm.origin_load + added <= self.settings.origin_slots

    def _reader(self, order: Sequence[int], chunk: int, count: int) -> int | None:
        """The node near the top of the tree that has read least, or else the one of all nodes."""
        top = order[: min(READER_CANDIDATES, -(-len(order) // fan_out(self.swarm)))]
        reader = self._least_read(self._able(top), chunk, count)
        if reader is None:
            reader = self._least_read(self._able(order) or order[:1], chunk, count)
        return reader

    def _able(self, nodes: Sequence[int]) -> Sequence[int]:
        """The fast ones of the nodes that may read, and send to others, or else all of these.

        All nodes wait for what a node reads over a slow link, or while it catches up.
        """
        may_read = self.swarm.available & ~self.swarm.denied
        able = [node for node in nodes if may_read >> node & 1]
        return able[: fast_ones(self.swarm, able)] or able

    def _least_read(self, nodes: Sequence[int], chunk: int, count: int) -> int | None:
        """The node that has read least and may read, but not the last reader of this chunk."""
        swarm = self.swarm
        last = swarm.last_reader.get(chunk) if len(nodes) > 1 else None
        least = sorted(nodes, key=lambda node: swarm.members[node].origin_reads)
        may = (node for node in least if origin_budget.may_read(swarm, swarm.members[node], count))
        return next((node for node in may if node != last), None)
