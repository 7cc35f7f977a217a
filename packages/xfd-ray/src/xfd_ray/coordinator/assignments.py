"""What each node of a swarm was asked for, and what of it has landed there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xfd_api.ids import NodeId, ObjectIndex
from xfd_ray.coordinator.catalog_union import Part, Wanted


class Asked:
    """Bit sets of object indexes, by node.

    Invariant: a node is known from its first `ask` until it is forgotten.
    """

    def __init__(self) -> None:
        self._wants: dict[NodeId, int] = {}
        self._landed: dict[NodeId, int] = {}

    def __iter__(self) -> Iterator[NodeId]:
        return iter(tuple(self._wants))

    def ask(
        self, node: NodeId, wanted: Wanted
    ) -> Iterator[tuple[Part, tuple[ObjectIndex, ...], tuple[ObjectIndex, ...]]]:
        """The node is to have what a lease wants.

        Returns:
            For each part: what the node was not asked for before, and what has landed already.
        """
        before, landed = self._wants.get(node, 0), self._landed.get(node, 0)
        self._wants[node] = before
        for part, objects in wanted.objects:
            new = tuple(index for index in objects if not before >> index & 1)
            there = tuple(index for index in objects if before >> index & landed >> index & 1)
            self._wants[node] |= _bits(new)
            yield part, new, there

    def landed(self, node: NodeId, objects: Iterable[ObjectIndex]) -> None:
        """These objects are at their destinations."""
        self._landed[node] = self._landed.get(node, 0) | _bits(objects)

    def failed(self, node: NodeId, objects: Iterable[ObjectIndex]) -> None:
        """These cannot land; who wants them later asks again, as the disk may have room by then."""
        if node in self._wants:
            self._wants[node] &= ~_bits(objects)

    def forget(self, node: NodeId) -> None:
        """The node's worker is gone."""
        self._wants.pop(node, None)
        self._landed.pop(node, None)


def _bits(objects: Iterable[ObjectIndex]) -> int:
    bits = 0
    for index in objects:
        bits |= 1 << index
    return bits
