"""Forgets objects that no lease wants any more."""

from __future__ import annotations

from xfd_api.ids import ObjectIndex
from xfd_api.orders import Release
from xfd_scheduler.state.bitset import mask_of, positions
from xfd_scheduler.state.keys import split_key
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.state.transitions import (
    cancel_order,
    clear_missed,
    close_chunk,
    new_generation,
)


def release(swarm: SwarmState, objects: tuple[ObjectIndex, ...]) -> None:
    """Forgets the objects on all nodes, and the chunks that no other object shares.

    A node that takes its inventory of them again wants them again.
    """
    released = set(objects)
    released_mask = mask_of(list(objects))
    swarm.suspected -= released
    for item in released:
        swarm.refused.pop(item, None)
    for failure in [key for key in swarm.failures if key[1] in released]:
        del swarm.failures[failure]
    for chunk in _unshared_chunks(swarm, released, released_mask):
        _forget_chunk(swarm, chunk)
    for member in swarm.members.values():
        if not member.inventoried & released_mask:
            continue
        known = tuple(item for item in objects if member.inventoried >> item & 1)
        member.inventoried &= ~released_mask
        member.landed &= ~released_mask
        member.failed &= ~released_mask
        for item in released:
            member.locked_by_other.pop(item, None)
        member.pending_orders.append(Release(known))
        swarm.update_queue_flags(member)


def _unshared_chunks(
    swarm: SwarmState, released: set[ObjectIndex], released_mask: int
) -> list[int]:
    """Chunks of which no other object is in some node's inventory, in order."""
    kept = 0
    for member in swarm.members.values():
        kept |= member.inventoried & ~released_mask
    return [
        chunk
        for chunk in sorted({chunk for item in released for chunk in swarm.catalog.chunks_of[item]})
        if not any(kept >> item & 1 for item in swarm.catalog.objects_of[chunk])
    ]


def _forget_chunk(swarm: SwarmState, chunk: int) -> None:
    for index in positions(swarm.pending[chunk]):
        cancel_order(swarm, swarm.members[index], chunk)
    for index in positions(swarm.open_on[chunk]):
        close_chunk(swarm, swarm.members[index], chunk)
    for key in [key for key in swarm.resting_chunks.pending() if split_key(key)[1] == chunk]:
        swarm.resting_chunks.cancel(key)
    for index in positions(swarm.holders[chunk]):
        new_generation(swarm, index, chunk)
    swarm.holders[chunk] = 0
    swarm.unpinned_crcs.pop(chunk, None)
    for member in swarm.members.values():
        clear_missed(swarm, member, chunk)
        member.wants &= ~(1 << chunk)
    swarm.update_rarity(chunk)
