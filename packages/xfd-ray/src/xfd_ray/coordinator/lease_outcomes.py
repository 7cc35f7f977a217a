"""What became of a lease's objects on all the nodes that get them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from xfd_api.chunks import CatalogObject
from xfd_api.errors import XfdError
from xfd_api.ids import NodeId, ObjectIndex
from xfd_ray.coordinator.lease_objects import Share
from xfd_ray.coordinator.lease_progress import LeaseProgress
from xfd_scheduler.state.bitset import positions


def failed_everywhere(progress: LeaseProgress) -> XfdError | None:
    """The error of an object that failed on all its nodes; None if there is no such object."""
    failed = possible = 0
    for state in progress.live:
        failed |= state.failed
        possible |= state.share.mask & ~state.failed
    nowhere = failed & ~possible
    if not nowhere:
        return None
    return progress.errors_of[ObjectIndex((nowhere & -nowhere).bit_length() - 1)]


def lost_everywhere(progress: LeaseProgress) -> bool:
    """Whether all nodes of an object are lost."""
    left = 0
    for state in progress.live:
        if state.share is progress.whole:
            return False
        left |= state.share.mask
    return bool(progress.mask & ~left) or not progress.live


def landed_everywhere(progress: LeaseProgress) -> int:
    """The objects that have landed on all their nodes, as a bit set."""
    missing, live = 0, progress.live
    for state in live:
        missing |= state.share.mask & ~state.landed
    return progress.mask & ~missing if live else 0


def by_share(progress: LeaseProgress) -> Iterator[tuple[Collection[CatalogObject], list[NodeId]]]:
    """The objects of each share, with its nodes that are not lost."""
    nodes_of: dict[int, tuple[Share, list[NodeId]]] = {}
    for node, state in progress.nodes.items():
        if not state.is_lost:
            nodes_of.setdefault(id(state.share), (state.share, []))[1].append(node)
    for share, nodes in nodes_of.values():
        if share is progress.whole:
            yield progress.objects.values(), nodes
        else:
            yield [progress.objects[ObjectIndex(k)] for k in positions(share.mask)], nodes
