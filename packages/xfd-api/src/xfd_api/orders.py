"""What the scheduler tells a node.

Orders are few and small: neighbouring chunks from one source are one `Fetch`. An order may name a
source that does not hold the chunk yet but was ordered to fetch it; the peer's GET then waits for
the bytes and streams them as they arrive.
"""

from __future__ import annotations

from dataclasses import dataclass

from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId


@dataclass(frozen=True, slots=True)
class Fetch:
    """Fetch chunks `first_chunk` to `first_chunk + count - 1` from one source.

    The order of the k-th chunk is `first_order + k`. A node works through its orders by priority
    (smaller first), then in the order they came.

    Attributes:
        source: the peer to ask; None is the origin.
    """

    first_order: OrderId
    first_chunk: ChunkIndex
    count: int
    source: NodeId | None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Cancel:
    """Forget the orders `first_order` to `first_order + count - 1`, running or not.

    A cancelled order is never reported. A node that already finished one reports it as usual.
    """

    first_order: OrderId
    count: int = 1


@dataclass(frozen=True, slots=True)
class Pin:
    """Hold these chunks to these CRC-64/NVME values, whoever serves them."""

    crcs: tuple[tuple[ChunkIndex, int], ...]


@dataclass(frozen=True, slots=True)
class MeetPeers:
    """Addresses (`host:port`) of peers; a later address of one peer replaces the earlier."""

    addresses: tuple[tuple[NodeId, str], ...]


@dataclass(frozen=True, slots=True)
class Discard:
    """These chunks turned out to be bad: forget that they are held, and fetch them when told."""

    chunks: tuple[ChunkIndex, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """Nobody wants these objects any more: stop fetching and serving them.

    What has landed stays. What has not is kept as a part file for a later run.
    """

    objects: tuple[ObjectIndex, ...]


Order = Fetch | Cancel | Pin | MeetPeers | Discard | Release
