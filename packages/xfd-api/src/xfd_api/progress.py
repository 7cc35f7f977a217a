"""The progress of a distribution while it runs, as its caller sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final, Literal, get_args

from xfd_api.ids import NodeId

Phase = Literal["finding", "moving", "verifying", "unpacking", "landing", "done"]
"""What a distribution or a node does now.

finding: asks the store which objects there are, and looks at what the disk has of them. moving:
bytes arrive. verifying: hashes what is on the disk. unpacking: every byte is there, and archives
become trees. landing: files are synced and get their names. done: nothing is left to do.
"""

PHASES: Final[tuple[Phase, ...]] = get_args(Phase)
"""All phases, in the order in which they come."""


@dataclass(frozen=True, slots=True)
class NodeStanding:
    """How far one node has got.

    Attributes:
        node: the node's id.
        host: its host name or address; empty if it is not known.
        phase: what the node does now.
        total_bytes: of all objects that it is to have.
        done_bytes: of these, the bytes that are on its disk.
        bytes_per_s: what has arrived there of late; None if that is not known yet.
        stall: why no bytes arrive, in words; None while they do.
    """

    node: NodeId
    host: str = ""
    phase: Phase = "moving"
    total_bytes: int = 0
    done_bytes: int = 0
    bytes_per_s: float | None = None
    stall: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectStanding:
    """How far one object has got on the host that it is downloaded to.

    Attributes:
        destination: the file that it becomes.
        total_bytes: its size.
        done_bytes: of these, the bytes in chunks that are whole and verified.
    """

    destination: str
    total_bytes: int = 0
    done_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a distribution has got; bytes are sums over all nodes, of each node's own copy.

    Attributes:
        elapsed_s: seconds since the call.
        total_bytes: of all objects, on all nodes.
        done_bytes: of these, the bytes that are on the nodes' disks. It begins with what was there
            before, and ends at `total_bytes`, unless a node failed.
        waits_for: what outside the call keeps it from going on, if something does.
        phase: what most of the work is now: the earliest phase of the nodes that are not done.
        cached_bytes: of `done_bytes`, what the nodes' disks had before.
        bytes_per_s: what has arrived of late, on all nodes; None if that is not known yet.
        left_s: seconds until everything is there at that rate; None if that cannot be said.
        per_node: the nodes that are not done, the slowest first, and then those that are. There are
            at most `MOST_STANDINGS` of them, whatever the number of nodes.
        per_object: on one host, the objects under way; there are at most `MOST_STANDINGS` of them.
            Empty on a cluster.
        slowest: the node that has the fewest of its bytes; None if all are done.
        retries: requests and orders that were tried again.
        stalls: why nodes receive nothing, in words, at most `MOST_STALLS` lines.
    """

    elapsed_s: float
    total_bytes: int
    done_bytes: int
    origin_bytes: int
    peer_bytes: int
    nodes: int
    nodes_done: int
    objects: int
    objects_done: int
    waits_for: str | None = None
    phase: Phase = "moving"
    cached_bytes: int = 0
    bytes_per_s: float | None = None
    left_s: float | None = None
    per_node: tuple[NodeStanding, ...] = ()
    per_object: tuple[ObjectStanding, ...] = ()
    slowest: NodeId | None = None
    retries: int = 0
    stalls: tuple[str, ...] = ()


def finding(
    elapsed_s: float, *, waits_for: str | None = None, stalls: tuple[str, ...] = ()
) -> Progress:
    """The progress before any object is found: its totals are 0.

    Args:
        elapsed_s: seconds since the call.
        waits_for: what keeps it from going on.
        stalls: why the origin brings nothing.

    Example:
        >>> finding(1.5).phase
        'finding'
    """
    return Progress(
        elapsed_s=elapsed_s,
        total_bytes=0,
        done_bytes=0,
        origin_bytes=0,
        peer_bytes=0,
        nodes=0,
        nodes_done=0,
        objects=0,
        objects_done=0,
        waits_for=waits_for,
        phase="finding",
        stalls=stalls,
    )


MOST_STANDINGS: Final = 20
"""Nodes, or objects, that a `Progress` has each for itself. A `Progress` is sent some times a
second, so its size must not grow with the cluster."""

MOST_STALLS: Final = 5
"""Lines about stalls in a `Progress`."""

OnProgress = Callable[[Progress], None]
"""A function that is called with the progress from time to time."""


def origin_reset(at_s: float | None) -> str:
    """What a distribution waits for (`waits_for`) that has met the rate limit of its origin.

    Args:
        at_s: when the limit is reset, in seconds since 1970; None if only a node knows it.

    Example:
        >>> origin_reset(1_767_607_200.0)
        "the origin's rate limit, which is reset at 10:00:00 UTC"
    """
    if at_s is None:
        return "the reset of the origin's rate limit"
    at = datetime.fromtimestamp(at_s, tz=timezone.utc)
    return f"the origin's rate limit, which is reset at {at:%H:%M:%S} UTC"
