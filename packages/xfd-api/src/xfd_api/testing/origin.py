"""An origin in memory, which has sizes and counts reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from xfd_api.chunks import FoundObject
from xfd_api.errors import ObjectNotFoundError
from xfd_api.ids import ChunkIndex
from xfd_api.lookups import Lookup
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.testing.catalogs import found_object


class FakeOrigin:
    """An `ObjectFinder` over keys and sizes; the nodes of one test share it.

    Attributes:
        sizes: in bytes, by key.
        versions: by key; another number is an overwritten object.
        finds: number of lookups so far.
        reads: number of reads of each chunk.
        read_bytes: bytes of all reads.
    """

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = dict(sizes)
        self.versions: Counter[str] = Counter(dict.fromkeys(self.sizes, 1))
        self.finds = 0
        self.reads: Counter[ChunkIndex] = Counter()
        self.read_bytes = 0

    def find_objects(
        self, lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile
    ) -> list[list[FoundObject]]:
        """See `ObjectFinder`.

        Raises:
            ObjectNotFoundError: a lookup names an object that is missing.
        """
        for lookup in lookups:
            stores.of(lookup.profile_name)
        self.finds += len(lookups)
        return [self._answer(lookup) for lookup in lookups]

    def count_read(self, chunk: ChunkIndex, size: int) -> None:
        """Counts one read of a chunk of `size` bytes."""
        self.reads[chunk] += 1
        self.read_bytes += size

    def _answer(self, lookup: Lookup) -> list[FoundObject]:
        if not lookup.is_prefix:
            if lookup.key not in self.sizes:
                raise ObjectNotFoundError("No such object", object=lookup.key)
            return [self._found(lookup.key)]
        folder = f"{lookup.key}/" if lookup.key else ""
        return [self._found(key) for key in sorted(self.sizes) if key.startswith(folder)]

    def _found(self, key: str) -> FoundObject:
        return found_object(key, self.sizes[key], version=self.versions[key])
