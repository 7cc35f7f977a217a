"""Forgets a node that is gone, with all that only it held."""

from __future__ import annotations

from xfd_api.ids import NodeId
from xfd_scheduler.intake.failures import Faults
from xfd_scheduler.state.transitions import Swarm


def lost(swarm: Swarm, faults: Faults, node: NodeId) -> None:
    """Forgets a node. What was to come from it is asked of others."""
    member = swarm.by_id.pop(node, None)
    if member is None:
        return
    index, bit = member.index, member.bit
    waiting: list[tuple[int, int]] = []
    for chunk in range(len(swarm.holders)):
        if swarm.pending[chunk] & bit:
            swarm.end(member, chunk)
        if swarm.open_on[chunk] & bit:
            swarm.close(member, chunk)
        if swarm.pending[chunk]:
            wave = swarm.waves[chunk]
            if wave is not None and index in wave:
                waiting.extend((other, chunk) for other in swarm.children(index, chunk))
        swarm.holders[chunk] &= ~bit
        swarm.update_rarity(chunk)
        if chunk in swarm.unpinned:
            _settle_pin(swarm, faults, chunk, index)
    waiting.extend(
        (key >> 32, key & 0xFFFFFFFF) for key, source in swarm.extra.items() if source == index
    )
    for other, chunk in sorted(set(waiting)):
        child = swarm.members[other]
        swarm.cancel(child, chunk)
        swarm.open(child, chunk)
    for key in swarm.resting.asleep():
        if key >> 32 == index:
            swarm.resting.forget(key)
    swarm.peers_resting.forget(index)
    for name in ("banned", "offering", "behind", "hungry", "roomy", "dry", "soft"):
        setattr(swarm, name, getattr(swarm, name) & ~bit)
    for failure in [key for key in swarm.failures if key[0] == node]:
        del swarm.failures[failure]
    swarm.zones[member.zone] &= ~bit
    if not swarm.zones[member.zone]:
        del swarm.zones[member.zone]
    del swarm.members[index]


def _settle_pin(swarm: Swarm, faults: Faults, chunk: int, lost_node: int) -> None:
    """Where the first reader was lost before it told the checksum, most of the copies decide."""
    told = swarm.unpinned[chunk]
    told.pop(lost_node, None)
    if swarm.last_reader.get(chunk) == lost_node and told:
        values = sorted(told.values())
        faults.pin(chunk, max(values, key=values.count))
