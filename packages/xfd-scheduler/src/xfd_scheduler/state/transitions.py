"""Moves of a chunk on a node between the states that `swarm_state` lists."""

from __future__ import annotations

from xfd_api.ids import ChunkIndex, NodeId
from xfd_api.orders import Cancel, Fetch
from xfd_scheduler.state import origin_budget
from xfd_scheduler.state.keys import ORIGIN, key_of
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import SwarmState


def open_chunk(swarm: SwarmState, member: Member, chunk: int) -> None:
    """Any state but held -> open."""
    swarm.open_on[chunk] |= member.bit
    bit = 1 << chunk
    member.open |= bit
    swarm.open_chunks |= bit
    swarm.has_open_chunks |= member.bit


def close_chunk(swarm: SwarmState, member: Member, chunk: int) -> None:
    """Open -> any other state."""
    left = swarm.open_on[chunk] & ~member.bit
    swarm.open_on[chunk] = left
    bit = 1 << chunk
    member.open &= ~bit
    if not left:
        swarm.open_chunks &= ~bit
    if not member.open:
        swarm.has_open_chunks &= ~member.bit


def order_chunk(swarm: SwarmState, member: Member, chunk: int, source: int) -> None:
    """Open -> pending; the order joins the member's pending orders.

    A chunk that failed before has the priority of its first launch, because others may wait for it
    on this node. A chunk that a late node missed has the newest, so that the node keeps step with
    the waves that it takes part in.
    """
    close_chunk(swarm, member, chunk)
    swarm.pending[chunk] |= member.bit
    swarm.pending_chunks |= 1 << chunk
    key = key_of(member.index, chunk)
    swarm.single_sources[key] = source
    size = swarm.catalog.sizes[chunk]
    member.queued += 1
    member.queued_bytes += size
    promise(swarm, member, source, 1, size)
    swarm.update_queue_flags(member)
    swarm.update_rarity(chunk)
    if source == ORIGIN:
        swarm.last_reader[chunk] = member.index
        member.origin_reads += 1
    peer = None if source == ORIGIN else swarm.members[source].id
    launch = swarm.launch_number[chunk] if key in swarm.generations else swarm.launch_count
    add_fetch(swarm, member, chunk, peer, swarm.order_priority(chunk, launch))


def add_fetch(
    swarm: SwarmState, member: Member, chunk: int, source: NodeId | None, priority: int
) -> None:
    """Adds an order to the member's pending ones, joined to the last run if it follows it."""
    if (crc := swarm.pinned_crcs[chunk]) is not None:
        member.pending_pins[chunk] = crc
    order = swarm.order_id(member.index, chunk)
    orders = member.pending_orders
    if orders and type(last := orders[-1]) is Fetch:
        before = last.count
        if (
            last.first_chunk + before == chunk
            and last.first_order + before == order
            and last.source == source
            and last.priority == priority
        ):
            orders[-1] = Fetch(last.first_order, last.first_chunk, before + 1, source, priority)
            return
    orders.append(Fetch(order, ChunkIndex(chunk), 1, source, priority))


def promise(swarm: SwarmState, member: Member, source: int, count: int, size: int) -> None:
    """Books `count` orders of `size` bytes in total at their source."""
    if source == ORIGIN:
        origin_budget.add_orders(swarm, member, count)
        return
    peer = swarm.members[source]
    peer.promised += count
    peer.uplink_load += size / peer.up_share
    if not member.known_peers & peer.bit:
        member.known_peers |= peer.bit
        member.pending_addresses[source] = (peer.id, peer.address)


def end_order(swarm: SwarmState, member: Member, chunk: int) -> int:
    """Pending -> any other state; returns the source."""
    source = swarm.source_of(member.index, chunk)
    swarm.single_sources.pop(key_of(member.index, chunk), None)
    left = swarm.pending[chunk] & ~member.bit
    swarm.pending[chunk] = left
    if not left:
        swarm.tree_sources[chunk] = None
        swarm.pending_chunks &= ~(1 << chunk)
    member.queued -= 1
    member.queued_bytes -= swarm.catalog.sizes[chunk]
    _release_source(swarm, member, source)
    return source


def abandon_order(swarm: SwarmState, member: Member, chunk: int) -> int:
    """Pending -> any state but held; returns the source."""
    source = end_order(swarm, member, chunk)
    new_generation(swarm, member.index, chunk)
    swarm.update_queue_flags(member)
    swarm.update_rarity(chunk)
    return source


def cancel_order(swarm: SwarmState, member: Member, chunk: int) -> int:
    """As `abandon_order`, with a `Cancel` for the node."""
    member.pending_orders.append(Cancel(swarm.order_id(member.index, chunk)))
    return abandon_order(swarm, member, chunk)


def move_order(swarm: SwarmState, member: Member, chunk: int, source: int) -> None:
    """Pending -> pending from another source; the order before is cancelled.

    The new order goes first, so that the node always expects the chunk, for which others may wait.
    """
    old = swarm.order_id(member.index, chunk)
    _release_source(swarm, member, swarm.source_of(member.index, chunk))
    new_generation(swarm, member.index, chunk)
    swarm.single_sources[key_of(member.index, chunk)] = source
    promise(swarm, member, source, 1, swarm.catalog.sizes[chunk])
    peer = None if source == ORIGIN else swarm.members[source].id
    priority = swarm.order_priority(chunk, swarm.launch_number[chunk])
    add_fetch(swarm, member, chunk, peer, priority)
    member.pending_orders.append(Cancel(old))


def new_generation(swarm: SwarmState, node: int, chunk: int) -> None:
    """Gives the next order between these two another id."""
    key = key_of(node, chunk)
    swarm.generations[key] = swarm.generations.get(key, 0) + 1


def hold_chunk(swarm: SwarmState, member: Member, chunk: int) -> None:
    """Any other state -> held."""
    if swarm.pending[chunk] & member.bit:
        end_order(swarm, member, chunk)
        swarm.update_queue_flags(member)
    elif swarm.open_on[chunk] & member.bit:
        close_chunk(swarm, member, chunk)
    else:
        swarm.resting_chunks.cancel(key_of(member.index, chunk))
    swarm.holders[chunk] |= member.bit
    clear_missed(swarm, member, chunk)
    swarm.update_rarity(chunk)


def lose_chunk(swarm: SwarmState, member: Member, chunk: int) -> None:
    """Held -> open if the member wants the chunk, else unwanted."""
    swarm.holders[chunk] &= ~member.bit
    new_generation(swarm, member.index, chunk)
    if (member.wants >> chunk) & 1:
        open_chunk(swarm, member, chunk)
    swarm.update_rarity(chunk)


def drop_chunk(swarm: SwarmState, member: Member, chunk: int) -> None:
    """Open, pending or resting -> unwanted; a pending order is cancelled."""
    if swarm.pending[chunk] & member.bit:
        cancel_order(swarm, member, chunk)
    elif swarm.open_on[chunk] & member.bit:
        close_chunk(swarm, member, chunk)
    else:
        swarm.resting_chunks.cancel(key_of(member.index, chunk))
    clear_missed(swarm, member, chunk)
    member.wants &= ~(1 << chunk)


def clear_missed(swarm: SwarmState, member: Member, chunk: int) -> None:
    """The member no longer lacks a chunk that it missed: it holds it, or does not want it."""
    if member.missed:
        member.missed &= ~(1 << chunk)
        if not member.missed:
            swarm.catching_up &= ~member.bit


def _release_source(swarm: SwarmState, member: Member, source: int) -> None:
    """An order of the member no longer names this source, which may be lost."""
    if source == ORIGIN:
        origin_budget.add_orders(swarm, member, -1)
    elif (peer := swarm.members.get(source)) is not None:
        peer.promised -= 1
