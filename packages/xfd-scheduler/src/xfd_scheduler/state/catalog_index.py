"""An index of a growing catalog: the chunks of each object, and the objects of each chunk."""

from __future__ import annotations

from xfd_api.chunks import Catalog
from xfd_api.ids import ObjectIndex
from xfd_scheduler.state.bitset import mask_of

CACHED_MASKS = 64
"""Sets of objects whose chunks are remembered; nodes usually want one of a few sets."""


class CatalogIndex:
    """Finds chunks by object and objects by chunk.

    Attributes:
        sizes: bytes of each chunk.
        priorities: of each chunk; smaller is more urgent.
        objects_of: objects that each chunk has bytes of.
        chunks_of: chunks of each object, in order; none for a directory marker.
        by_priority: for each priority, smallest first, its chunks as a bit set.
    """

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.priorities: list[int] = []
        self.objects_of: list[tuple[ObjectIndex, ...]] = []
        self.chunks_of: list[list[int]] = []
        self.by_priority: dict[int, int] = {}
        self._total_bytes = 0
        self._masks: dict[tuple[ObjectIndex, ...], int] = {}

    def grow(self, catalog: Catalog) -> None:
        """Adds objects and chunks.

        Raises:
            ValueError: the catalog does not follow the known one.
        """
        if catalog.first_chunk != len(self.sizes) or catalog.first_object != len(self.chunks_of):
            raise ValueError(
                f"a catalog from object {catalog.first_object} and chunk {catalog.first_chunk} on "
                f"does not follow {len(self.chunks_of)} objects and {len(self.sizes)} chunks"
            )
        self.chunks_of.extend([] for _ in catalog.objects)
        added: dict[int, list[int]] = {}
        for chunk in catalog.chunks:
            index = len(self.sizes)
            self.sizes.append(chunk.size)
            self._total_bytes += chunk.size
            self.priorities.append(chunk.priority)
            self.objects_of.append(tuple(span.object for span in chunk.spans))
            for span in chunk.spans:
                self.chunks_of[span.object].append(index)
            added.setdefault(chunk.priority, []).append(index)
        for priority, chunks in added.items():
            known = self.by_priority.get(priority, 0)
            self.by_priority[priority] = known | mask_of(chunks)
        self.by_priority = dict(sorted(self.by_priority.items()))

    @property
    def mean_size(self) -> float:
        """Bytes of a chunk on average; 1 before there is any."""
        return max(1.0, self._total_bytes / len(self.sizes)) if self.sizes else 1.0

    def chunks_mask(self, objects: tuple[ObjectIndex, ...]) -> int:
        """The chunks of all these objects, as a bit set."""
        mask = self._masks.get(objects)
        if mask is None:
            mask = mask_of([chunk for item in objects for chunk in self.chunks_of[item]])
            if len(self._masks) >= CACHED_MASKS:
                self._masks.clear()
            self._masks[objects] = mask
        return mask
