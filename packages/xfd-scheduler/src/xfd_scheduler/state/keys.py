"""Numbers for pairs, because a tuple as a dictionary key costs several times as much."""

from __future__ import annotations

ORIGIN = -1
"""The origin, in place of a node's number."""
NO_SOURCE = -2
"""No source at all, in place of a node's number."""

CHUNK_BITS = 32
"""Bits of a chunk's number in a key."""
_CHUNK_MASK = (1 << CHUNK_BITS) - 1
_PEER_BITS = 20


def key_of(node: int, chunk: int) -> int:
    """One number for a node and a chunk; also the id of the first order between them."""
    return (node << CHUNK_BITS) | chunk


def split_key(key: int) -> tuple[int, int]:
    """The node and the chunk of a key."""
    return key >> CHUNK_BITS, key & _CHUNK_MASK


def pair_of(node: int, peer: int) -> int:
    """One number for a node and its peer."""
    return (node << _PEER_BITS) | peer
