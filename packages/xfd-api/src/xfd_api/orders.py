"""Orders that the scheduler sends to a node.

Orders are few and small: one `Fetch` covers neighbouring chunks from one source. The source may
still be fetching the chunk itself. Its answer to the GET then waits for the bytes and streams them
as they arrive.
"""

from __future__ import annotations

from dataclasses import dataclass

from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId


@dataclass(frozen=True, slots=True)
class Fetch:
    """Fetch chunks `first_chunk` to `first_chunk + count - 1` from one source.

    The order of the k-th chunk is `first_order + k`. A node carries out its orders by priority
    (smaller first), then in the sequence of their arrival.

    Attributes:
        source: the peer to fetch from; None is the origin.
    """

    first_order: OrderId
    first_chunk: ChunkIndex
    count: int
    source: NodeId | None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel the orders `first_order` to `first_order + count - 1`, running or not.

    A cancelled order is not reported. An order that had finished before is reported as usual.
    """

    first_order: OrderId
    count: int = 1


@dataclass(frozen=True, slots=True)
class Pin:
    """Accept these chunks only with these CRC-64/NVME values, from any source."""

    crcs: tuple[tuple[ChunkIndex, int], ...]


@dataclass(frozen=True, slots=True)
class MeetPeers:
    """Addresses (`host:port`) of peers. A later address of a peer replaces the earlier one."""

    addresses: tuple[tuple[NodeId, str], ...]


@dataclass(frozen=True, slots=True)
class Discard:
    """Drop these chunks, which turned out to be bad; fetch them again only when ordered.

    Those that the node has by then are reported as lost.
    """

    chunks: tuple[ChunkIndex, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """Stop fetching and serving these objects: no call needs them any more.

    What has landed stays. The rest is kept as a part file for a later run.
    """

    objects: tuple[ObjectIndex, ...]


Order = Fetch | Cancel | Pin | MeetPeers | Discard | Release
