"""What happens on a node: the events, counters and inventory that it reports.

The data plane makes these; `node_report` bundles them for the scheduler.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Literal

from xfd_api.errors import OriginThrottledError, XfdError
from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId

Fault = Literal["origin", "peer", "node"]
"""What caused an order to fail: the origin, the peer that it named, or the node itself."""

LONGEST_ASKED_REST_S = 30.0
"""Longest rest, in seconds, that a source's Retry-After gives it. A source that asks for more is
tried again after this time: it may be wrong, or answer every client like that."""

LONGEST_RESET_S = 600.0
"""Longest rest, in seconds, until the reset that an origin with a rate limit names (429). Windows
are 5 minutes at the Hugging Face hub, and who asks inside one is refused again."""


@dataclass(frozen=True, slots=True)
class HeldRun:
    """Neighbouring chunks that a node holds, from `first_chunk` on.

    Attributes:
        crcs: one CRC-64/NVME per chunk; None if it is unknown until the chunk is served.
    """

    first_chunk: ChunkIndex
    crcs: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a node has of a catalog when it joins, or after a gap in its reports.

    Attributes:
        held: chunks that it can serve, from valid cached objects or an earlier run's journal.
        landed: objects that are whole at their destination, and unpacked if requested.
        elsewhere: objects whose destination another node or process is writing on the same disk,
            with the writer's node id (None if it is no node of this swarm).
        cached_bytes: bytes of the objects in `landed`.
        left_out: what the trees of landed archives lack: the object, the first hundred names, and
            their number in all.
    """

    held: tuple[HeldRun, ...] = ()
    landed: tuple[ObjectIndex, ...] = ()
    elsewhere: tuple[tuple[ObjectIndex, NodeId | None], ...] = ()
    cached_bytes: int = 0
    left_out: tuple[tuple[ObjectIndex, tuple[str, ...], int], ...] = ()


@dataclass(frozen=True, slots=True)
class ChunkHeld:
    """An order was carried out: the node holds the verified chunk and can serve it.

    Attributes:
        crc: CRC-64/NVME of the chunk's bytes.
        source: the peer that sent it; None is the origin.
        seconds: from the first request for it to its verification, including waits.
        transfer_seconds: from its first byte to its last; 0 if the node held it already and nothing
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
    """An order failed, after the data plane's own retries.

    Attributes:
        fault: what caused it.
        bad_bytes: the source delivered bytes that differ from the chunk's checksum.
        final: another attempt cannot help (404, 403, a full disk).
        retry_after_s: the source's Retry-After, if it sent one; see `asked_rest_s`.
        seconds: from its start to its failure, retries included.
    """

    order: OrderId
    chunk: ChunkIndex
    source: NodeId | None
    error: XfdError
    fault: Fault
    bad_bytes: bool = False
    final: bool = False
    retry_after_s: float | None = None
    seconds: float = 0.0

    @property
    def asked_rest_s(self) -> float | None:
        """The rest that the source asks for, in seconds.

        It is 0 to `LONGEST_ASKED_REST_S`, or to `LONGEST_RESET_S` for an origin that throttles.
        None if the source asked for none, or for none that makes sense.
        """
        seconds = self.retry_after_s
        if seconds is None or not seconds >= 0.0:  # below zero, or not a number
            return None
        return min(seconds, LONGEST_RESET_S if self._is_throttled else LONGEST_ASKED_REST_S)

    @property
    def reset_s(self) -> float | None:
        """Seconds until the reset that a throttling origin names; None for any other failure.

        No node should ask the origin before, and the chunk is not to blame.
        """
        return self.asked_rest_s if self._is_throttled else None

    @property
    def _is_throttled(self) -> bool:
        return self.fault == "origin" and isinstance(self.error, OriginThrottledError)


@dataclass(frozen=True, slots=True)
class ChunkLost:
    """A chunk that the node reported as held is missing again.

    It was to be discarded: then a report that it is held may have met the order on its way, and
    this one follows it. Or it is damaged on the disk, or differs from a checksum that was pinned
    later. Then the node requests it again itself, and does not report the end of that request. An
    order for the chunk is carried out and reported as usual, by the node's own request if one is
    running.
    """

    chunk: ChunkIndex


@dataclass(frozen=True, slots=True)
class ObjectLanded:
    """An object is whole and verified at its destination, and unpacked if requested.

    Attributes:
        left_out: entries of an archive that its tree lacks, at most one hundred.
        left_out_count: the number of all of them.
    """

    object: ObjectIndex
    left_out: tuple[str, ...] = ()
    left_out_count: int = 0


@dataclass(frozen=True, slots=True)
class ObjectFailed:
    """An object cannot land on this node; another fetch does not help.

    Attributes:
        chunks_suspect: the object's checksum is wrong although each chunk's is right, so a chunk
            was bad when it was first read.
    """

    object: ObjectIndex
    error: XfdError
    chunks_suspect: bool = False


NodeEvent = ChunkHeld | OrderFailed | ChunkLost | ObjectLanded | ObjectFailed


LogLevel = Literal["debug", "info", "warning", "error"]
"""debug: a step of a distribution. info: worth knowing about a run that goes well. warning: a fault
that the run survives. error: a fault that ends something, or a bug."""


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A log event of the data plane. It never contains tokens, keys or credentials.

    Attributes:
        name: one name of a fixed list; docs/telemetry.md has all of them.
        at_s: the time, in seconds since 1970.
    """

    level: LogLevel
    name: str
    at_s: float
    fields: dict[str, bool | int | float | str]


@dataclass(frozen=True, slots=True)
class NodeCounters:
    """What one node has counted since it started; `xfd_api.metrics` says how it is exported.

    Every field only grows, except `active_*`.

    Attributes:
        origin_answers: requests that origins answered, lookups included; a list counts as one.
        origin_throttles: requests that origins refused because there were too many.
        origin_denials: requests that origins refused for their credentials, or that had none.
        origin_not_found: requests for what origins do not have.
        origin_timeouts: requests that origins did not answer in time.
        origin_unreachable: requests without a connection, or whose connection broke before the
            answer.
        origin_failures: requests that failed in any other way. Each request counts once.
        objects_landed: objects that were fetched and are at their destination.
        objects_cached: objects that were there already; none of `objects_landed`.
        active_verifications: objects whose bytes on the disk are compared with their checksums.
        active_landings: objects or trees that are synced and get their names.
        active_resets: requests that wait for the reset of their origin's rate limit.
    """

    origin_bytes: int = 0
    origin_answers: int = 0
    origin_throttles: int = 0
    origin_denials: int = 0
    origin_not_found: int = 0
    origin_timeouts: int = 0
    origin_unreachable: int = 0
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
    active_verifications: int = 0
    active_landings: int = 0
    active_resets: int = 0
    unpacked_entries: int = 0
    unpacked_bytes: int = 0

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return NodeCounters, _counters(self)


_counters = attrgetter(*(each.name for each in fields(NodeCounters)))
