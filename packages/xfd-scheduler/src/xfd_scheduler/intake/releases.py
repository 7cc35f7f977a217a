"""Forgets objects that nobody wants any more."""

from __future__ import annotations

from xfd_api.ids import ObjectIndex
from xfd_api.orders import Release
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.catalog_index import mask_of
from xfd_scheduler.state.transitions import Swarm


def release(swarm: Swarm, objects: tuple[ObjectIndex, ...]) -> None:
    """Drops the objects everywhere, and the chunks that no other object shares.

    A node that takes its inventory of them again wants them again.
    """
    gone = set(objects)
    gone_bits = mask_of(list(objects))
    swarm.suspected -= gone
    for item in gone:
        swarm.refused.pop(item, None)
    for failure in [key for key in swarm.failures if key[1] in gone]:
        del swarm.failures[failure]
    still = 0
    for member in swarm.members.values():
        still |= member.inventoried & ~gone_bits
    chunks = [
        chunk
        for chunk in sorted({chunk for item in gone for chunk in swarm.catalog.chunks_of[item]})
        if not any(still >> item & 1 for item in swarm.catalog.objects_of[chunk])
    ]
    for chunk in chunks:
        _forget(swarm, chunk)
    for member in swarm.members.values():
        if not member.inventoried & gone_bits:
            continue
        told = tuple(item for item in objects if member.inventoried >> item & 1)
        member.inventoried &= ~gone_bits
        member.landed &= ~gone_bits
        member.failed &= ~gone_bits
        for item in gone:
            member.elsewhere.pop(item, None)
        member.outbox.append(Release(told))
        swarm.update_room(member)


def _forget(swarm: Swarm, chunk: int) -> None:
    for index in positions(swarm.pending[chunk]):
        swarm.cancel(swarm.members[index], chunk)
    for index in positions(swarm.open_on[chunk]):
        swarm.close(swarm.members[index], chunk)
    for key in [key for key in swarm.resting.asleep() if key & 0xFFFFFFFF == chunk]:
        swarm.resting.forget(key)
    for index in positions(swarm.holders[chunk]):
        swarm.next_generation(index, chunk)
    swarm.holders[chunk] = 0
    swarm.unpinned.pop(chunk, None)
    for member in swarm.members.values():
        swarm.caught_up(member, chunk)
        member.wants &= ~(1 << chunk)
    swarm.update_rarity(chunk)
