"""How often a chunk failed on a node, by whose fault, and when that is enough. Pure.

A node that gets broken bodies from its peers has learned nothing of the chunk: all nodes below a
relay get one each time something breaks above it. So these failures only decide whom it asks next:

    some          the node may read the origin where it would wait for a busy or resting peer
    `attempts`    it reads the origin although a peer has the chunk

The chunk fails on the node when the store or its own disk keeps failing. While another node has
the chunk, even a store that is out of reach does not fail it, until the peers have failed many
times as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from xfd_api.errors import XfdError
from xfd_api.reports import Fault
from xfd_scheduler.tuning import IMPATIENT_ATTEMPTS_DIVISOR, PEER_ATTEMPTS_FACTOR


@dataclass(slots=True)
class Tries:
    """Failures of one chunk on one node, by fault.

    Attributes:
        store_error: what the origin said last; it says more than a peer's broken body.
    """

    origin: int = 0
    peer: int = 0
    node: int = 0
    store_error: XfdError | None = None

    def add(self, fault: Fault, error: XfdError) -> int:
        """Counts a failure; returns how many of its kind there are."""
        if fault == "origin":
            self.store_error = error
        count: int = getattr(self, fault) + 1
        setattr(self, fault, count)
        return count

    def may_read(self, attempts: int) -> bool:
        """Whether the node may read the origin rather than wait for a peer."""
        return self.peer + self.origin >= max(1, attempts // IMPATIENT_ATTEMPTS_DIVISOR)

    def prefers_origin(self, attempts: int) -> bool:
        """Whether it is to read the origin although a peer is ready to serve it."""
        return self.peer >= attempts > self.origin

    def is_over(self, attempts: int, *, has_holder: bool) -> bool:
        """Whether the chunk fails on this node; `has_holder`: another node has it."""
        if self.node >= attempts:
            return True
        if self.origin < attempts:
            return False
        return not has_holder or self.peer >= PEER_ATTEMPTS_FACTOR * attempts


NO_TRIES = Tries()
"""Of a chunk that never failed on a node."""
