"""How often a chunk failed on a node, by fault, and when that is enough. Pure.

A broken body from a peer says nothing of the chunk: all nodes below a relay receive one whenever
something breaks above it. So failures of peers fail nothing, and only choose the next source:

    half of `attempts`    the node may read the origin instead of waiting for a busy or resting peer
    all of `attempts`     it reads the origin although a peer has the chunk

The chunk fails on the node when the origin or the node's own disk keeps failing. While another node
has the chunk, an origin that is out of reach does not fail it before peers failed many times too.
"""

from __future__ import annotations

from dataclasses import dataclass

from xfd_api.errors import XfdError
from xfd_api.reports import Fault
from xfd_scheduler.bounds import IMPATIENT_ATTEMPTS_DIVISOR, PEER_ATTEMPTS_FACTOR


@dataclass(slots=True)
class Attempts:
    """Failures of one chunk on one node.

    Attributes:
        origin, peer, node: failures by fault.
        origin_error: the origin's latest error; it says more than a peer's broken body.
    """

    origin: int = 0
    peer: int = 0
    node: int = 0
    origin_error: XfdError | None = None

    def add(self, fault: Fault, error: XfdError) -> int:
        """Counts a failure; returns how many there are with this fault."""
        if fault == "origin":
            self.origin_error = error
        count: int = getattr(self, fault) + 1
        setattr(self, fault, count)
        return count

    def may_read(self, limit: int) -> bool:
        """Whether the node may read the origin instead of waiting for a peer."""
        return self.peer + self.origin >= max(1, limit // IMPATIENT_ATTEMPTS_DIVISOR)

    def prefers_origin(self, limit: int) -> bool:
        """Whether the node reads the origin although a peer is ready to serve the chunk."""
        return self.peer >= limit > self.origin

    def is_over(self, limit: int, *, has_holder: bool) -> bool:
        """Whether the chunk fails on this node; `has_holder`: another node has it."""
        if self.node >= limit:
            return True
        if self.origin < limit:
            return False
        return not has_holder or self.peer >= PEER_ATTEMPTS_FACTOR * limit


NO_ATTEMPTS = Attempts()
"""Of a chunk that never failed on a node."""
