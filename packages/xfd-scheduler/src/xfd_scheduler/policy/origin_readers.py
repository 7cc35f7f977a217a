"""Who reads the chunks of a tree from the origin: one node, one in each zone, or several."""

from __future__ import annotations

from collections.abc import Sequence

from xfd_scheduler.state.transitions import Swarm
from xfd_scheduler.tuning import (
    FIRST_ORIGIN_READS,
    MIN_FAN_OUT,
    MIN_SAMPLES,
    NARROW_TREE_LEVELS,
    READER_CANDIDATES,
)


class Readers:
    """Chooses readers by the policy, and by what each has read before."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.settings = swarm.settings

    def choose(self, order: Sequence[int], first: int, count: int) -> list[int] | None:
        """Who reads the chunks from the origin, by the policy; None where too few may now."""
        groups = by_zone(self.swarm, order)
        if self.settings.origin_policy == "once-per-zone":
            return self._one_each(groups, first, count)
        copies = min(self.settings.origin_copies, len(order))
        if copies == 1:
            reader = self._reader(order, first, count)
            return None if reader is None else [reader]
        readers = self._one_each(groups[:copies], first, count)
        rest = [node for node in order if readers is not None and node not in readers]
        while readers is not None and len(readers) < copies:
            reader = self._reader(rest, first, count)
            if reader is None or not self._may_all_read([*readers, reader], count):
                break
            readers.append(reader)
            rest.remove(reader)
        return readers

    def _one_each(
        self, groups: Sequence[Sequence[int]], first: int, count: int
    ) -> list[int] | None:
        """A reader in each group, as far as all of them may read now; None for none at all."""
        readers: list[int] = []
        for group in groups:
            reader = self._reader(group, first, count)
            if reader is not None and self._may_all_read([*readers, reader], count):
                readers.append(reader)
        return readers or None

    def _may_all_read(self, readers: Sequence[int], count: int) -> bool:
        swarm = self.swarm
        slots = self.settings.download_slots
        orders = [swarm.members[node].origin_orders for node in readers]
        more = sum(min(before + count, slots) - min(before, slots) for before in orders)
        return len(readers) == 1 or swarm.origin_load + more <= self.settings.origin_slots

    def _reader(self, order: Sequence[int], chunk: int, count: int) -> int | None:
        """The node that read least from the origin so far, of those that stand high in the tree,
        or else of all; not the one that read this chunk the last time.
        """
        offering = self.swarm.offering
        high = order[: min(READER_CANDIDATES, -(-len(order) // fan_out(self.swarm)))]
        top = self._soon([node for node in high if offering >> node & 1])
        reader = self._least_read(top, chunk, count)
        if reader is None:
            able = [node for node in order if offering >> node & 1] or list(order[:1])
            reader = self._least_read(self._soon(able), chunk, count)
        return reader

    def _soon(self, nodes: Sequence[int]) -> list[int]:
        """Those that would read soon: what a node reads over a slow link, or while it catches up,
        keeps everybody waiting who wants it. Of the quickest, those that do not catch up; and of
        these the ones whose links are known, and who is not known yet and had little to read.
        """
        trusted = self.swarm.speeds.fast_ones_suffice
        members = [self.swarm.members[node] for node in nodes]
        quickest = min((member.speed_class for member in members), default=0)
        quick = [each for each in members if each.speed_class == quickest or not trusted]
        able = [each for each in quick if not self.swarm.behind & each.bit] or quick
        known = [
            each for each in able if each.samples >= MIN_SAMPLES or each.reads < FIRST_ORIGIN_READS
        ]
        return [each.index for each in (trusted and known) or able]

    def _least_read(self, nodes: Sequence[int], chunk: int, count: int) -> int | None:
        swarm = self.swarm
        before = swarm.last_reader.get(chunk)
        best: int | None = None
        least = 0
        for node in nodes:
            member = swarm.members[node]
            if (best is None or member.reads < least) and swarm.may_read_origin(member, count):
                if node == before and len(nodes) > 1:
                    continue
                best, least = node, member.reads
        return best


def by_zone(swarm: Swarm, order: Sequence[int]) -> list[list[int]]:
    """The nodes of each zone, in their order; zones by their first node's place."""
    if len(swarm.zones) < 2:
        return [list(order)]
    zones: dict[str, list[int]] = {}
    for node in order:
        zones.setdefault(swarm.members[node].zone, []).append(node)
    return list(zones.values())


def fan_out(swarm: Swarm) -> int:
    """How many nodes one node sends a chunk on to, at most.

    Where all links are known to be alike, as few as make do with `NARROW_TREE_LEVELS` levels:
    the fewer a chunk asks of one uplink, the more evenly what is under way is
    spread over all of them. While they are
    not known, or some are slow, trees are wide, so that few nodes are below a slow one. Few chunks
    in the swarm make a deep tree: one chunk goes through a binary one.
    """
    settings = swarm.settings
    most = min(settings.fan_out, settings.upload_slots, max(MIN_FAN_OUT, len(swarm.catalog.sizes)))
    if not swarm.speeds.are_alike:
        return most
    below = len(swarm.members) - 1
    return next((k for k in range(MIN_FAN_OUT, most) if _seats(k) >= below), most)


def _seats(fan_out: int) -> int:
    """Below the root of a tree of `NARROW_TREE_LEVELS` levels."""
    return sum(fan_out**level for level in range(1, NARROW_TREE_LEVELS + 1))
