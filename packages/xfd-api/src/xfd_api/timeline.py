"""When the chunks of a distribution moved, as columns: the k-th value of each is of the k-th event.

Times are in seconds since the call. A node is a place in `Timeline.nodes`, and an object is a place
in `DistributionReport.objects`. Long columns are thinned evenly: `every` says that one of so many
events was kept, and `total` how many there were.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xfd_api.ids import NodeId

FROM_ORIGIN = -1
"""The source of a transfer from the origin; any other source is a place in `Timeline.nodes`."""


@dataclass(frozen=True, slots=True)
class Transfers:
    """Chunks that nodes received, in the order of their reports.

    Attributes:
        node: who received it.
        chunk: which one; the chunks of a call are counted from 0, along its objects.
        object: what it is a part of, or the first object in it.
        source: who sent it, or `FROM_ORIGIN`.
        start_s: when its first byte arrived. Ends are known as precisely as nodes report them,
            which is about every N / 1,000 seconds in a cluster of N nodes, and less often while
            their orders last: every 0.15 seconds, or once a third of their orders are carried out.
        seconds: from its first byte to its last.
        waited_s: from the request to the first byte. A relay waits for its source this way.
        bytes: of the call's objects.
        total: transfers that there were.
        every: one of this many was kept.
    """

    node: tuple[int, ...] = ()
    chunk: tuple[int, ...] = ()
    object: tuple[int, ...] = ()
    source: tuple[int, ...] = ()
    start_s: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    waited_s: tuple[float, ...] = ()
    bytes: tuple[int, ...] = ()
    total: int = 0
    every: int = 1


@dataclass(frozen=True, slots=True)
class Landings:
    """Objects that became whole at their destinations; an archive is unpacked by then.

    Attributes:
        node: where.
        object: which.
        at_s: when.
        total: landings that there were.
        every: one of this many was kept.
    """

    node: tuple[int, ...] = ()
    object: tuple[int, ...] = ()
    at_s: tuple[float, ...] = ()
    total: int = 0
    every: int = 1


@dataclass(frozen=True, slots=True)
class Failures:
    """Orders that failed on a node and were repeated there or elsewhere.

    Attributes:
        node: who failed to fetch the chunk.
        chunk: which one.
        source: whom it was asked of.
        at_s: when.
        error: the class of `xfd_api.errors`.
        total: failures that there were.
        every: one of this many was kept.
    """

    node: tuple[int, ...] = ()
    chunk: tuple[int, ...] = ()
    source: tuple[int, ...] = ()
    at_s: tuple[float, ...] = ()
    error: tuple[str, ...] = ()
    total: int = 0
    every: int = 1


@dataclass(frozen=True, slots=True)
class NodeTimes:
    """When each node of the report took part.

    Attributes:
        joined_s: when it was asked to take part.
        done_s: when its last file was whole; None if that never happened.
    """

    joined_s: tuple[float, ...] = ()
    done_s: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Timeline:
    """When the chunks of a distribution moved; see the module.

    Attributes:
        nodes: the nodes of the report in their order, then peers that only sent.
        chunks: number of chunks of the call's objects.
        times: of the nodes of the report.
        transfers: chunks that arrived.
        landings: objects that became whole.
        failures: orders that failed.
    """

    nodes: tuple[NodeId, ...] = ()
    chunks: int = 0
    times: NodeTimes = field(default_factory=NodeTimes)
    transfers: Transfers = field(default_factory=Transfers)
    landings: Landings = field(default_factory=Landings)
    failures: Failures = field(default_factory=Failures)

    @property
    def is_thinned(self) -> bool:
        """Whether some events were left out."""
        return any(each.every > 1 for each in (self.transfers, self.landings, self.failures))
