"""Forgets a node that is lost, with all that only it held."""

from __future__ import annotations

from xfd_api.ids import NodeId
from xfd_scheduler.intake.copies import reopen
from xfd_scheduler.intake.failures import Failures
from xfd_scheduler.state.keys import split_key
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.relay_paths import children_of
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.state.transitions import close_chunk, end_order


def remove_node(swarm: SwarmState, failures: Failures, node: NodeId) -> None:
    """Removes a node; chunks that were to come from it are open again elsewhere."""
    member = swarm.by_id.pop(node, None)
    if member is None:
        return
    orphans = _clear_chunks(swarm, failures, member)
    for child, chunk in orphans:
        reopen(swarm, swarm.members[child], chunk)
    for key in swarm.resting_chunks.pending():
        if split_key(key)[0] == member.index:
            swarm.resting_chunks.cancel(key)
    swarm.resting_peers.cancel(member.index)
    swarm.resting_readers.cancel(member.index)
    swarm.remove_from_node_sets(member)
    for failure in [key for key in swarm.failures if key[0] == node]:
        del swarm.failures[failure]
    swarm.zones[member.zone] &= ~member.bit
    if not swarm.zones[member.zone]:
        del swarm.zones[member.zone]
    del swarm.members[member.index]


def _clear_chunks(swarm: SwarmState, failures: Failures, member: Member) -> list[tuple[int, int]]:
    """Clears the node's part in every chunk; returns the orders (node, chunk) that named it."""
    index, bit = member.index, member.bit
    orphans: set[tuple[int, int]] = set()
    for chunk in range(len(swarm.holders)):
        if swarm.pending[chunk] & bit:
            end_order(swarm, member, chunk)
        if swarm.open_on[chunk] & bit:
            close_chunk(swarm, member, chunk)
        if swarm.pending[chunk]:
            sources = swarm.tree_sources[chunk]
            if sources is not None and index in sources:
                orphans.update((child, chunk) for child in children_of(swarm, index, chunk))
        swarm.holders[chunk] &= ~bit
        swarm.update_rarity(chunk)
        if chunk in swarm.unpinned_crcs:
            _pin_by_majority(swarm, failures, chunk, index)
    for key, source in swarm.single_sources.items():
        if source == index:
            orphans.add(split_key(key))
    return sorted(orphans)


def _pin_by_majority(swarm: SwarmState, failures: Failures, chunk: int, lost_node: int) -> None:
    """If the reader was lost before it reported the checksum, the majority of copies decides."""
    reported = swarm.unpinned_crcs[chunk]
    reported.pop(lost_node, None)
    if swarm.last_reader.get(chunk) == lost_node and reported:
        values = sorted(reported.values())
        failures.pin(chunk, max(values, key=values.count))
