"""One node's part in a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from xfd_api.errors import XfdError
from xfd_api.ids import NodeId


@dataclass(frozen=True, slots=True)
class NodeResult:
    """One node's part in a distribution.

    Attributes:
        node: its Ray node id, or "local" on a host without a cluster.
        state: "lost" for a node that died on the way, or that Ray gave no worker to.
        elapsed_s: from when it was asked to take part to its last file.
        objects: objects that are whole at their destinations.
        files: of these, those that are files and not `dir/` markers.
        bytes: what the node has at the end: the sum of `origin_bytes`, `peer_bytes`,
            `cached_bytes`, `resumed_bytes` and `shared_bytes`.
        origin_bytes: read from the origin.
        peer_bytes: received from peers.
        served_bytes: sent to peers.
        cached_bytes: valid files that it had before.
        resumed_bytes: of unfinished files on its disk, from an interrupted run or an earlier call.
        shared_bytes: written by another node of the same disk.
        joined_late: the node joined the cluster after the distribution had started.
        error: why the node failed.
        root: the folder that relative destinations lie under; empty if the node had no worker.
        host: the name that its machine gives itself.
        origin_ranges: ranges of objects read from the origin; neighbours may share a
            request.
        peer_ranges: ranges of objects received from peers.
        retries: requests and orders that were tried again.
    """

    node: NodeId
    state: Literal["done", "lost", "failed"]
    elapsed_s: float
    objects: int
    files: int
    bytes: int
    origin_bytes: int
    peer_bytes: int
    served_bytes: int
    cached_bytes: int
    joined_late: bool = False
    error: XfdError | None = None
    resumed_bytes: int = 0
    shared_bytes: int = 0
    root: str = ""
    host: str = ""
    origin_ranges: int = 0
    peer_ranges: int = 0
    retries: int = 0
