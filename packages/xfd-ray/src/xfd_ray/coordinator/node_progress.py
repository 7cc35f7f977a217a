"""What one lease has on one node so far. State only; `lease_progress` changes it."""

from __future__ import annotations

from dataclasses import dataclass, field

from xfd_api.errors import XfdError
from xfd_api.hub_files import HubSnapshot
from xfd_api.ids import NodeId, ObjectIndex
from xfd_ray.coordinator.lease_objects import Share
from xfd_ray.coordinator.rate_meter import RateMeter


@dataclass(slots=True)
class NodeProgress:
    """One node's part.

    `landed`, `failed`, `cached` and `inspected` are bit sets of object indexes; `inspected` has the
    objects of inventories. `missing`, `received` and `resumed` are bit sets of chunk indexes: what
    was missing at the first inventory, what the node reported as received, and what it had of
    unfinished objects, or received without being able to report it.

    `locked_by` has objects that another process is writing, with its node (None: no node of the
    swarm). `unlinked` has the snapshots that the node does not know of yet. `ended_before` is
    when the node was done for the lease that this one continues. `host` is its machine's name.
    `share` is what it gets of the lease.
    """

    since: float
    share: Share
    joined_late: bool = False
    host: str = ""
    is_lost: bool = False
    landed: int = 0
    failed: int = 0
    cached: int = 0
    inspected: int = 0
    missing: int = 0
    received: int = 0
    resumed: int = 0
    origin_bytes: int = 0
    peer_bytes: int = 0
    served_bytes: int = 0
    origin_ranges: int = 0
    peer_ranges: int = 0
    retries: int = 0
    cached_bytes: int = 0
    resumed_bytes: int = 0
    shared_bytes: int = 0
    missing_bytes: int = 0
    error: XfdError | None = None
    unlinked: frozenset[HubSnapshot] = frozenset()
    done_at: float | None = None
    ended_before: float | None = None
    locked_by: dict[ObjectIndex, NodeId | None] = field(default_factory=dict)
    down: RateMeter = field(default_factory=RateMeter)
    up: RateMeter = field(default_factory=RateMeter)

    @property
    def present_bytes(self) -> int:
        """Bytes on its disk by now, found or fetched."""
        return self.found_bytes + self.origin_bytes + self.peer_bytes

    @property
    def found_bytes(self) -> int:
        """Of these, the bytes that did not come by network for this lease."""
        return self.cached_bytes + self.resumed_bytes + self.shared_bytes
