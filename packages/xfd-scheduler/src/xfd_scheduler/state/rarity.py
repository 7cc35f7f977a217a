"""Chunks by how many copies of them exist or are coming.

Class 0 has no copy: only the origin has these chunks. Class k has 2**(k-1) to 2**k - 1 copies. A
chunk changes its class log2(N) times on its way to N nodes, so the classes cost next to nothing.
Within a class the lower index goes first, so that an archive unpacks while it arrives.
"""

from __future__ import annotations

from collections.abc import Iterable

from xfd_scheduler.state.bitset import lowest


class Rarity:
    """The classes, each a bit set of chunks."""

    def __init__(self) -> None:
        self.classes: list[int] = [0]
        self.class_of: list[int] = []

    @property
    def without_a_copy(self) -> int:
        """Chunks that no node holds or is to fetch, as a bit set."""
        return self.classes[0]

    def grow(self, count: int) -> None:
        """Adds `count` chunks without a copy."""
        first = len(self.class_of)
        self.class_of.extend([0] * count)
        self.classes[0] |= ((1 << count) - 1) << first

    def update(self, chunk: int, copies: int) -> None:
        """Sets the number of a chunk's copies."""
        new = copies.bit_length()
        old = self.class_of[chunk]
        if new == old:
            return
        while new >= len(self.classes):
            self.classes.append(0)
        bit = 1 << chunk
        self.classes[old] ^= bit
        self.classes[new] |= bit
        self.class_of[chunk] = new

    def rarest(self, mask: int, by_priority: Iterable[int]) -> int:
        """The rarest chunk of `mask` in the first priority that has one; -1 if there is none."""
        for priority in by_priority:
            urgent = mask & priority
            if urgent:
                for members in self.classes:
                    found = urgent & members
                    if found:
                        return lowest(found)
        return -1
