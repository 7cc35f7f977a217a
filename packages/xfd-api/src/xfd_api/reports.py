"""What a node says happened, and what a user is told at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Literal

from xfd_api.errors import XfdError
from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId
from xfd_api.traffic import Traffic

Fault = Literal["origin", "peer", "node"]
"""Who is to blame for a failed order: the origin, the peer it named, or the node itself."""

_NAMED = 20
"""Names of left-out entries that a line has room for."""

BoundSource = Literal["configured", "probed", "observed"]

LONGEST_ASKED_REST_S = 30.0
"""How long a source is left alone at most because it asked for it (Retry-After). One that says more
is asked again then: it may be wrong, or say so to everybody who comes."""


@dataclass(frozen=True, slots=True)
class HeldRun:
    """Neighbouring chunks that a node holds, from `first_chunk` on.

    Attributes:
        crcs: one CRC-64/NVME per chunk; None where it is not known before the chunk is served.
    """

    first_chunk: ChunkIndex
    crcs: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a node has of a catalog when it joins, or after a gap in its reports.

    Attributes:
        held: chunks that it can serve: of valid cached objects, or of an earlier run's journal.
        landed: objects whole at their destination, unpacked where that was asked.
        elsewhere: objects whose destination another node or process of this disk is writing, with
            that writer's node id (None where it is no node of this swarm).
        cached_bytes: bytes of the objects in `landed`.
    """

    held: tuple[HeldRun, ...] = ()
    landed: tuple[ObjectIndex, ...] = ()
    elsewhere: tuple[tuple[ObjectIndex, NodeId | None], ...] = ()
    cached_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ChunkHeld:
    """An order was carried out: the chunk is here, verified, and can be served.

    Attributes:
        crc: CRC-64/NVME of the chunk's bytes.
        source: where it came from; None is the origin.
        seconds: from the first request for it to its verification, waiting included.
        transfer_seconds: from its first byte to its last; 0 where it was here already, and nothing
            was moved for the order.
    """

    order: OrderId
    chunk: ChunkIndex
    crc: int
    source: NodeId | None
    size: int
    seconds: float
    transfer_seconds: float


@dataclass(frozen=True, slots=True)
class OrderFailed:
    """An order was given up, after the retries that the data plane makes by itself.

    Attributes:
        fault: who is to blame.
        bad_bytes: the source delivered bytes that differ from the chunk's checksum.
        final: asking again cannot help (404, 403, a full disk).
        retry_after_s: how long the source asked to be left alone, if it did; see `asked_rest_s`.
    """

    order: OrderId
    chunk: ChunkIndex
    source: NodeId | None
    error: XfdError
    fault: Fault
    bad_bytes: bool = False
    final: bool = False
    retry_after_s: float | None = None

    @property
    def asked_rest_s(self) -> float | None:
        """How long the source is to be left alone: what it asked for, within reason. In seconds,
        from 0 to `LONGEST_ASKED_REST_S`; None where it asked for nothing, or for no length of time.
        """
        asked = self.retry_after_s
        if asked is None or not asked >= 0.0:  # below zero, or not a number
            return None
        return min(asked, LONGEST_ASKED_REST_S)


@dataclass(frozen=True, slots=True)
class ChunkLost:
    """A chunk that this node said it holds is missing again, and no order made it so: it is damaged
    on the disk, or differs from a checksum that was pinned later.

    The node asks for it again by itself, and does not report that request's end. An order for the
    chunk is carried out and reported as any other; it is answered by the node's own request where
    that is under way.
    """

    chunk: ChunkIndex


@dataclass(frozen=True, slots=True)
class ObjectLanded:
    """An object is whole and verified at its destination, and unpacked where that was asked.

    Attributes:
        left_out: the first hundred entries of an archive that its tree has not.
        left_out_count: all of them.
    """

    object: ObjectIndex
    left_out: tuple[str, ...] = ()
    left_out_count: int = 0


@dataclass(frozen=True, slots=True)
class ObjectFailed:
    """An object cannot land on this node, whatever is fetched again.

    Attributes:
        chunks_suspect: the object's checksum is wrong although each chunk's was right, so some
            chunk was bad from its first reader on.
    """

    object: ObjectIndex
    error: XfdError
    chunks_suspect: bool = False


NodeEvent = ChunkHeld | OrderFailed | ChunkLost | ObjectLanded | ObjectFailed


@dataclass(frozen=True, slots=True)
class LogEvent:
    """Something that the data plane logged. Tokens, keys and credentials are never in it.

    Attributes:
        level: "error", "warning", "info" or "debug".
        name: what happened, one of a fixed list.
        at_s: when, in seconds since 1970.
    """

    level: Literal["error", "warning", "info", "debug"]
    name: str
    at_s: float
    fields: dict[str, bool | int | float | str]


@dataclass(frozen=True, slots=True)
class NodeCounters:
    """Totals of one node since it started; every field only grows but the `active_*` ones.

    Attributes:
        origin_requests: all that were sent, looking for objects included; a list is one.
        origin_failures: of these, the ones that were refused or not answered.
        objects_landed: objects that were fetched and are at their place.
        objects_cached: objects that were there already; none of `objects_landed`.
    """

    origin_bytes: int = 0
    origin_requests: int = 0
    origin_failures: int = 0
    peer_bytes: int = 0
    served_bytes: int = 0
    cached_bytes: int = 0
    written_bytes: int = 0
    chunks_from_origin: int = 0
    chunks_from_peers: int = 0
    chunks_served: int = 0
    objects_landed: int = 0
    objects_cached: int = 0
    retries: int = 0
    verification_failures: int = 0
    active_origin: int = 0
    active_peer: int = 0
    active_served: int = 0
    active_unpacks: int = 0
    unpacked_entries: int = 0
    unpacked_bytes: int = 0

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return NodeCounters, _counters(self)


_counters = attrgetter(*(each.name for each in fields(NodeCounters)))


@dataclass(frozen=True, slots=True)
class NodeReport:
    """A node's answer to one exchange.

    Attributes:
        seq: one more than in the node's report before; a gap asks for a full one.
        events: what happened since the report before, in order; a `packed.PackedEvents` once it
            has been pickled.
        counters: as they are now.
        full: set on the first report and after a gap: all that the node holds.
    """

    seq: int
    events: Sequence[NodeEvent]
    counters: NodeCounters = NodeCounters()
    full: Inventory | None = None

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        # Here, because `packed` builds on this module.
        from xfd_api.packed import packed

        return NodeReport, (self.seq, packed(self.events), self.counters, self.full)


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
        resumed_bytes: kept on the nodes' disks from interrupted runs, by all nodes.
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
