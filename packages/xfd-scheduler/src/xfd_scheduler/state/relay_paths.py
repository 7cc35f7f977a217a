"""The paths of pending orders from a chunk's copies, and from the origin, down to each node."""

from __future__ import annotations

from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.keys import ORIGIN
from xfd_scheduler.state.swarm_state import SwarmState


def children_of(swarm: SwarmState, source: int, chunk: int) -> list[int]:
    """Nodes whose pending order for the chunk names this source."""
    nodes = positions(swarm.pending[chunk])
    return [node for node in nodes if swarm.source_of(node, chunk) == source]


def top_of(swarm: SwarmState, node: int, chunk: int) -> int:
    """The node at the top of the path to `node`: it reads the chunk, or has it."""
    while swarm.pending[chunk] >> node & 1:
        source = swarm.source_of(node, chunk)
        if source == ORIGIN:
            break
        node = source
    return node


def subtree_of(swarm: SwarmState, node: int, chunk: int) -> int:
    """Nodes whose path to the chunk leads through `node`, itself included; bit set."""
    found = 1 << node
    for other in positions(swarm.pending[chunk] & ~found):
        if not is_fed(swarm, other, chunk, without=node):
            found |= 1 << other
    return found


def is_fed(swarm: SwarmState, node: int, chunk: int, without: int) -> bool:
    """Whether the chunk reaches `node` along pending orders that avoid `without`."""
    seen = 0
    while True:
        bit = 1 << node
        if node == without or (seen | swarm.unusable) & bit:
            return False
        if swarm.holders[chunk] & bit:
            return True
        if not swarm.pending[chunk] & bit:
            return False
        seen |= bit
        node = swarm.source_of(node, chunk)
        if node == ORIGIN:
            return True
