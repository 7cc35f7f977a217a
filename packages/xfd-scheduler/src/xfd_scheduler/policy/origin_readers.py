"""Which nodes read the chunks of a tree from the origin: one, one in each zone, or several."""

from __future__ import annotations

from collections.abc import Sequence

from xfd_scheduler.bounds import READER_CANDIDATES
from xfd_scheduler.policy.tree_shape import by_zone, fan_out
from xfd_scheduler.state import origin_budget
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.tuning import FIRST_ORIGIN_READS, MIN_SAMPLES


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
        if copies == 1:
            reader = self._reader(order, first, count)
            return None if reader is None else [reader]
        readers = self._one_each(groups[:copies], first, count)
        if readers is None:
            return None
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
        available = self.swarm.available
        high = order[: min(READER_CANDIDATES, -(-len(order) // fan_out(self.swarm)))]
        top = self._prompt([node for node in high if available >> node & 1])
        reader = self._least_read(top, chunk, count)
        if reader is None:
            able = [node for node in order if available >> node & 1] or list(order[:1])
            reader = self._least_read(self._prompt(able), chunk, count)
        return reader

    def _prompt(self, nodes: Sequence[int]) -> list[int]:
        """The nodes that would read soon.

        All nodes wait for what a node reads over a slow link, or while it catches up. So these are
        the fastest nodes, without those that catch up, and without those of unknown speed that have
        a few reads already.
        """
        classes_apply = self.swarm.links.classes_apply
        members = [self.swarm.members[node] for node in nodes]
        fastest = min((member.speed_class for member in members), default=0)
        fast = [one for one in members if one.speed_class == fastest or not classes_apply]
        able = [one for one in fast if not self.swarm.catching_up & one.bit] or fast
        known = [
            one
            for one in able
            if one.samples >= MIN_SAMPLES or one.origin_reads < FIRST_ORIGIN_READS
        ]
        return [one.index for one in (classes_apply and known) or able]

    def _least_read(self, nodes: Sequence[int], chunk: int, count: int) -> int | None:
        """The node that has read least and may read, but not the last reader of this chunk."""
        swarm = self.swarm
        last = swarm.last_reader.get(chunk)
        best: int | None = None
        least = 0
        for node in nodes:
            member = swarm.members[node]
            if best is not None and member.origin_reads >= least:
                continue
            if not origin_budget.may_read(swarm, member, count):
                continue
            if node == last and len(nodes) > 1:
                continue
            best, least = node, member.origin_reads
        return best
