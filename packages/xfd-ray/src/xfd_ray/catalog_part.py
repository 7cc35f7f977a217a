"""A part of a growing catalog, as it is shipped to nodes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from xfd_api.chunks import Catalog
from xfd_api.ids import ObjectIndex
from xfd_api.profiles import ObjectStoreConfigByProfile


@dataclass(frozen=True, slots=True)
class CatalogPart:
    """What a catalog grew by at one time, with the stores that it is read from.

    Example:
        `part.only((index,))` is what is shipped to a node that wants one of its objects.
    """

    catalog: Catalog
    stores: ObjectStoreConfigByProfile = field(repr=False)
    _cuts: dict[tuple[ObjectIndex, ...], CatalogPart] = field(
        default_factory=dict, repr=False, compare=False
    )

    def only(self, objects: tuple[ObjectIndex, ...]) -> CatalogPart:
        """The part for a node that wants only these objects; they keep their indexes.

        It also has the objects that share a pack with one of these. The same objects give the same
        part, so that it is shipped once for all nodes that want them.
        """
        if len(objects) == len(self.catalog.objects):
            return self
        if objects not in self._cuts:
            self._cuts[objects] = CatalogPart(_cut_down(self.catalog, set(objects)), self.stores)
        return self._cuts[objects]


def _cut_down(catalog: Catalog, wanted: set[ObjectIndex]) -> Catalog:
    chunks = tuple(
        chunk for chunk in catalog.chunks if any(span.object in wanted for span in chunk.spans)
    )
    needed = wanted.union(span.object for chunk in chunks for span in chunk.spans)
    return replace(
        catalog,
        objects=tuple(item for item in catalog.objects if item.index in needed),
        chunks=chunks,
    )
