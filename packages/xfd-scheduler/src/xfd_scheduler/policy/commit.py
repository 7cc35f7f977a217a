"""Books what a wave has decided, and writes its orders."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from xfd_api.ids import ChunkIndex, NodeId, OrderId
from xfd_api.orders import Fetch
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import NOBODY, ORIGIN, key_of
from xfd_scheduler.state.transitions import Swarm
from xfd_scheduler.tuning import URGENCY_SLOTS_DIVISOR


def launch_tree(
    swarm: Swarm,
    first: int,
    count: int,
    takers: int,
    readers: Sequence[int],
    order: Sequence[int],
    seats: Sequence[int],
) -> None:
    """The readers fetch `count` chunks from the origin, each node of `order` from its seat.

    `takers` are all of them, as a bit set.

    The nodes' own queues are booked by `book_queues`, once for all trees of a wave: this loop runs
    for every node and tree, and is most of what a plan costs.
    """
    members = swarm.members
    chunks = range(first, first + count)
    for chunk in chunks:
        for node in positions(swarm.pending[chunk]):  # a banned node's own fetching
            swarm.extra[key_of(node, chunk)] = swarm.source_of(node, chunk)
    size = sum(swarm.catalog.sizes[first : first + count])
    wave = array("i", [NOBODY]) * swarm.next_index
    swarm.launched += count
    ahead, leaf = _urgencies(swarm, first, readers, order, seats)
    for reader in readers:
        wave[reader] = ORIGIN
        member = members[reader]
        member.reads += count
        swarm.add_origin_orders(member, count)
        _tell(swarm, member, chunks, None, ahead[reader])
    index = ChunkIndex(first)
    is_plain = not swarm.generations and all(swarm.crcs[chunk] is None for chunk in chunks)
    last = NOBODY
    for node, source in zip(order, seats, strict=True):
        if source != last:
            last = source
            peer = members[source]
            name, bit, seconds = peer.id, peer.bit, size / peer.up_share
        wave[node] = source
        member = members[node]
        peer.promised += count
        peer.clock += seconds
        if not member.known & bit:
            member.known |= bit
            member.meet[source] = (name, peer.address)
        if is_plain:
            key = OrderId(node << 32 | first)
            member.outbox.append(Fetch(key, index, count, name, ahead.get(node, leaf)))
        else:
            _tell(swarm, member, chunks, name, ahead.get(node, leaf))
    for chunk in chunks:
        swarm.waves[chunk] = wave
        swarm.launches[chunk] = swarm.launched
        swarm.pending[chunk] |= takers
        swarm.coming |= 1 << chunk
        swarm.last_reader[chunk] = readers[0]
        left = swarm.open_on[chunk] & ~takers
        swarm.open_on[chunk] = left
        if not left:
            swarm.wanted &= ~(1 << chunk)
        swarm.update_rarity(chunk)


def book_queues(swarm: Swarm, first: int, count: int, takers: Sequence[int]) -> None:
    """The chunks of a wave are launched: the takers have them queued, and not open any more."""
    run = ((1 << count) - 1) << first
    size = sum(swarm.catalog.sizes[first : first + count])
    for node in takers:
        member = swarm.members[node]
        member.open ^= run
        if not member.open:
            swarm.hungry &= ~member.bit
        member.queued += count
        member.queued_bytes += size
        swarm.update_room(member)


def _tell(swarm: Swarm, member: Member, chunks: range, source: NodeId | None, urgency: int) -> None:
    """An order of a later generation has an id of its own, so each chunk is told by itself."""
    for chunk in chunks:
        swarm.tell(member, chunk, 1, source, urgency)


def _urgencies(
    swarm: Swarm, first: int, readers: Sequence[int], order: Sequence[int], seats: Sequence[int]
) -> tuple[dict[int, int], int]:
    """Priorities of the readers and of those that others get the chunk from, and of all the rest.

    The higher a node stands in the tree, the sooner it takes the chunk up.
    """
    inside = set(seats)
    levels = dict.fromkeys(readers, 0)
    deepest = 0
    for node, source in zip(order, seats, strict=True):
        if node in inside:
            levels[node] = deepest = levels[source] + 1
    deepest = max(deepest, max(levels.values())) + bool(order)
    ahead = swarm.settings.download_slots // URGENCY_SLOTS_DIVISOR
    by_level = [
        swarm.urgency(first, swarm.launched - ahead * (deepest - level) // max(deepest, 1))
        for level in range(deepest + 1)
    ]
    by_level[0] = swarm.urgency(first, swarm.launched - ahead)
    return {node: by_level[level] for node, level in levels.items()}, by_level[-1]
