"""How a distribution goes and what it did, as its caller sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from xfd_api.errors import XfdError
from xfd_api.ids import NodeId
from xfd_api.traffic import Traffic

BoundSource = Literal["configured", "probed", "observed"]
"""Where the rates of a lower bound come from."""

_NAMED = 20
"""Names of left-out entries that fit on a line."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a distribution is; bytes are summed over the nodes, each node's copy counted."""

    elapsed_s: float
    total_bytes: int
    done_bytes: int
    origin_bytes: int
    peer_bytes: int
    nodes: int
    nodes_done: int
    objects: int
    objects_done: int


@dataclass(frozen=True, slots=True)
class NodeResult:
    """One node's part in a distribution. `state` is `lost` for a node that died on the way, or that
    Ray gave no worker to.

    The `bytes` that a node has at the end are those that it read from the origin, received from
    peers, found in its cache, had kept from an interrupted run (`resumed_bytes`), and those that
    another node of the same disk wrote (`shared_bytes`).

    `root` is the folder that relative destinations lie under there; empty if it had no worker.
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


@dataclass(frozen=True, slots=True)
class ObjectResult:
    """One object's part in a distribution.

    Attributes:
        left_out: what of it has no place on disk: the key of a `dir/` marker that has content, or
            the devices, pipes and sockets of an archive that was unpacked with `links="keep"`, the
            first hundred of them. A run that finds a tree in its place does not look for them.
        left_out_count: how many there are in all.
    """

    key: str
    destination: str
    size: int
    origin_bytes: int
    nodes_landed: int
    nodes_cached: int
    error: XfdError | None = None
    left_out: tuple[str, ...] = ()
    left_out_count: int = 0

    @property
    def left_out_line(self) -> str | None:
        """What was left out, for a person; None where nothing was."""
        if not self.left_out_count:
            return None
        if self.left_out == (self.key,):
            return f"left out, as no folder can hold it: the content of {self.key}"
        named = ", ".join(self.left_out[:_NAMED])
        more = ", …" if self.left_out_count > _NAMED else ""
        kinds = f"{self.left_out_count} devices, pipes and the like"
        return f"left out of {self.key}, {kinds}: {named}{more}"


@dataclass(frozen=True, slots=True)
class DistributionReport:
    """What a distribution did.

    Attributes:
        elapsed_s: from the call to the last node's last file.
        bound_s: the physical lower bound on the time for the bytes that were missing, never above
            `elapsed_s`; None: unknown (no rates were given, and the run was too short to observe
            some), or nothing was missing.
        bound_source: where the bound's rates come from; None where there is no bound.
        catalog_bytes: bytes of all objects, each counted once.
        missing_bytes: of these, the bytes that some node lacked at the start.
        origin_bytes: read from the origin, by all nodes.
        peer_bytes: received from peers, by all nodes.
        cached_bytes: found in the nodes' caches, by all nodes.
        resumed_bytes: of unfinished files that lay on the nodes' disks: from interrupted runs, or
            received for another call before this one joined it. By all nodes.
        shared_bytes: written by another node of the same disk, by all nodes.
        uncounted_s: more than 0 if the coordinator was lost on the way, and its books with it:
            what was moved in so many seconds since the call counts as cached or resumed.
        traffic: what was moved within and across zones meanwhile, and what that costs; of calls
            that run at the same time, each has it all.
        excluded: objects that `include` and `exclude` left out.
        amplification: `origin_bytes / missing_bytes`; 0 where nothing was missing.
    """

    elapsed_s: float
    bound_s: float | None
    bound_source: BoundSource | None
    catalog_bytes: int
    missing_bytes: int
    origin_bytes: int
    peer_bytes: int
    cached_bytes: int
    retries: int
    nodes: tuple[NodeResult, ...]
    objects: tuple[ObjectResult, ...] = field(repr=False)
    nodes_lost: tuple[NodeId, ...] = ()
    nodes_joined: tuple[NodeId, ...] = ()
    traffic: Traffic = field(default_factory=Traffic)
    excluded: int = 0
    resumed_bytes: int = 0
    shared_bytes: int = 0
    uncounted_s: float = 0.0

    @property
    def left_out(self) -> tuple[str, ...]:
        """Names of what was asked for and has no place on disk, of all objects; of an archive's
        entries the first hundred.
        """
        return tuple(name for result in self.objects for name in result.left_out)

    @property
    def left_out_count(self) -> int:
        """How many there are, also where not all are named."""
        return sum(result.left_out_count for result in self.objects)

    @property
    def efficiency(self) -> float | None:
        """`bound_s / elapsed_s`: 1 is as fast as physics allows."""
        if self.bound_s is None or self.elapsed_s <= 0:
            return None
        return self.bound_s / self.elapsed_s

    @property
    def amplification(self) -> float:
        """Bytes read from the origin, for each byte that was missing."""
        return self.origin_bytes / self.missing_bytes if self.missing_bytes else 0.0
