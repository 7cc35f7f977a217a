"""The phase of one node, by what it has and what it does now. Pure."""

from __future__ import annotations

from xfd_api.progress import Phase
from xfd_api.reports import NodeCounters


def phase_of(
    counters: NodeCounters, *, is_done: bool, has_inventory: bool, lacks_bytes: bool
) -> Phase:
    """The phase of a node.

    A node that lacks bytes moves, also while parts of it land already. It only verifies before
    that if it receives nothing at the time: a cached file is hashed, and what follows is not known.

    Args:
        counters: of the node in its swarm.
        is_done: everything is at its destination.
        has_inventory: it is known what the node's disk has.
        lacks_bytes: some bytes are not on its disk.

    Example:
        >>> phase_of(
        ...     NodeCounters(active_unpacks=1), is_done=False, has_inventory=True, lacks_bytes=False
        ... )
        'unpacking'
    """
    if is_done:
        return "done"
    if not has_inventory:
        return "finding"
    if counters.active_verifications and not (
        lacks_bytes and (counters.active_origin or counters.active_peer)
    ):
        return "verifying"
    if lacks_bytes:
        return "moving"
    return "unpacking" if counters.active_unpacks else "landing"
