"""Books what a wave has decided, and writes its orders."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from xfd_api.ids import ChunkIndex, OrderId
from xfd_api.orders import Fetch
from xfd_scheduler.state import origin_budget
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.keys import CHUNK_BITS, NO_SOURCE, ORIGIN, key_of
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.state.transitions import add_fetch
from xfd_scheduler.tuning import URGENCY_SLOTS_DIVISOR


def commit_tree(
    swarm: SwarmState,
    first: int,
    count: int,
    receivers: int,
    readers: Sequence[int],
    nodes: Sequence[int],
    parents: Sequence[int],
    now: float,
) -> None:
    """Orders `count` chunks from `first` on, which share a tree, on all its nodes.

    `commit_queues` books the nodes' own queues, once for all trees of a wave. This loop runs for
    every node and tree, and is most of the cost of a plan.

    Args:
        swarm: the swarm.
        first: the first chunk.
        count: how many chunks follow each other.
        receivers: readers and nodes, as a bit set.
        readers: they read the chunks from the origin.
        nodes: all other nodes, each after its parent.
        parents: the source of each of them.
        now: the time.
    """
    members = swarm.members
    chunks = range(first, first + count)
    for chunk in chunks:
        for node in positions(swarm.pending[chunk]):  # What a banned node fetches for itself.
            swarm.single_sources[key_of(node, chunk)] = swarm.source_of(node, chunk)
    size = sum(swarm.catalog.sizes[first : first + count])
    sources = array("i", [NO_SOURCE]) * swarm.next_index
    swarm.launch_count += count
    inner, leaf = _priorities(swarm, first, readers, nodes, parents)
    for reader in readers:
        sources[reader] = ORIGIN
        member = members[reader]
        member.origin_reads += count
        origin_budget.add_orders(swarm, member, count)
        for chunk in chunks:
            add_fetch(swarm, member, chunk, None, inner[reader])
    index = ChunkIndex(first)
    is_plain = not swarm.generations and all(swarm.pinned_crcs[chunk] is None for chunk in chunks)
    last = NO_SOURCE
    for node, parent in zip(nodes, parents, strict=True):
        if parent != last:
            last = parent
            peer = members[parent]
            name, bit, load = peer.id, peer.bit, size / peer.up_share
        sources[node] = parent
        member = members[node]
        peer.promised += count
        peer.uplink_load += load
        if not member.known_peers & bit:
            member.known_peers |= bit
            member.pending_addresses[parent] = (name, peer.address)
        priority = inner.get(node, leaf)
        if is_plain:
            order = OrderId(node << CHUNK_BITS | first)
            member.pending_orders.append(Fetch(order, index, count, name, priority))
        else:
            for chunk in chunks:  # An order of a later generation has an id of its own.
                add_fetch(swarm, member, chunk, name, priority)
    for chunk in chunks:
        swarm.tree_sources[chunk] = sources
        swarm.launch_number[chunk] = swarm.launch_count
        swarm.launched_at[chunk] = now
        swarm.pending[chunk] |= receivers
        swarm.pending_chunks |= 1 << chunk
        swarm.last_reader[chunk] = readers[0]
        left = swarm.open_on[chunk] & ~receivers
        swarm.open_on[chunk] = left
        if not left:
            swarm.open_chunks &= ~(1 << chunk)
        swarm.update_rarity(chunk)


def commit_queues(swarm: SwarmState, first: int, count: int, receivers: Sequence[int]) -> None:
    """Moves the chunks of a wave from open to queued on the nodes that receive it."""
    run = ((1 << count) - 1) << first
    size = sum(swarm.catalog.sizes[first : first + count])
    for node in receivers:
        member = swarm.members[node]
        member.open ^= run
        if not member.open:
            swarm.has_open_chunks &= ~member.bit
        member.queued += count
        member.queued_bytes += size
        swarm.update_queue_flags(member)


def _priorities(
    swarm: SwarmState,
    first: int,
    readers: Sequence[int],
    nodes: Sequence[int],
    parents: Sequence[int],
) -> tuple[dict[int, int], int]:
    """Priorities of the readers and of all parents, and the priority of all leaves.

    The higher a node stands in the tree, the sooner it fetches the chunk.
    """
    inside = set(parents)
    levels = dict.fromkeys(readers, 0)
    for node, parent in zip(nodes, parents, strict=True):
        if node in inside:
            levels[node] = levels[parent] + 1
    leaves = max(levels.values()) + 1
    ahead = swarm.settings.download_slots // URGENCY_SLOTS_DIVISOR
    by_level = [
        swarm.order_priority(first, swarm.launch_count - ahead * (leaves - level) // leaves)
        for level in range(leaves + 1)
    ]
    return {node: by_level[level] for node, level in levels.items()}, by_level[leaves]
