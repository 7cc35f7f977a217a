"""Objects that a node cannot write because of another node on its disk. Pure.

Nodes of one disk land an object once: one of them writes, and the others wait for it. If requests
are for different nodes, the writer of a place may get another object there, or other files of a
folder. Then nobody ever writes what the waiting node gets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xfd_api.errors import DestinationConflictError
from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.node_names import node_name
from xfd_ray.coordinator.lease_progress import LeaseProgress
from xfd_scheduler.state.bitset import positions


def kept_out(
    progress: LeaseProgress, node: NodeId, elsewhere: Iterable[tuple[ObjectIndex, NodeId | None]]
) -> Iterator[tuple[ObjectIndex, DestinationConflictError]]:
    """Objects of a lease that a node waits for in vain, and why.

    Args:
        progress: of the lease.
        node: the node.
        elsewhere: objects whose place another node, or process, has locked.
    """
    mine = progress.nodes.get(node)
    places: dict[NodeId, set[str]] = {}
    for index, owner in elsewhere:
        theirs = None if owner is None else progress.nodes.get(owner)
        if mine is None or owner is None or theirs is None or theirs.share is mine.share:
            continue
        if not mine.share.mask >> index & 1 or theirs.share.mask >> index & 1:
            continue
        if owner not in places:
            places[owner] = set(_places(progress, theirs.share.mask))
        item = progress.objects[index]
        if item.destination in places[owner] or item.group in places[owner]:
            yield (
                index,
                DestinationConflictError(
                    f"Node {node_name(owner, theirs.host)} has the same disk, and keeps other "
                    "objects there",
                    object=item.found.key,
                    path=item.destination,
                    remedy="Give each node's objects a destination of their own",
                ),
            )


def _places(progress: LeaseProgress, objects: int) -> Iterator[str]:
    for place in positions(objects):
        item = progress.objects[ObjectIndex(place)]
        yield item.destination
        if item.group is not None:
            yield item.group
