"""The output of a dry run: what would be fetched, and what is on disk already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xfd_api.chunks import Catalog, CatalogObject
from xfd_api.ids import ObjectIndex
from xfd_api.paths import local_path
from xfd_dataplane.progress.words import human


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a download of a catalog would fetch.

    Attributes:
        catalog: the objects to download.
        present: for each object the bytes that are on disk, and whether it has landed.
    """

    catalog: Catalog
    present: Mapping[ObjectIndex, tuple[int, bool]]

    @property
    def cached_bytes(self) -> int:
        """Bytes that need not be fetched."""
        return sum(size for size, _ in self.present.values())

    @property
    def cached_objects(self) -> int:
        """Objects that have landed."""
        return sum(landed for _, landed in self.present.values())

    def document(self) -> dict[str, Any]:
        """The plan for a program; sizes in bytes."""
        return {
            "ok": True,
            "dry_run": True,
            "catalog_bytes": self.catalog.total_bytes,
            "cached_bytes": self.cached_bytes,
            "missing_bytes": self.catalog.total_bytes - self.cached_bytes,
            "cached_objects": self.cached_objects,
            "excluded": self.catalog.excluded,
            "left_out": [name for item in self.catalog.objects for name in item.left_out],
            "chunks": len(self.catalog.chunks),
            "objects": [
                {
                    "key": item.found.key,
                    "destination": str(local_path(item.destination)),
                    "size": item.size,
                    "cached_bytes": self._present(item)[0],
                    "cached": self._present(item)[1],
                    "unpack": None if item.unpack is None else item.unpack.destination,
                }
                for item in self.catalog.objects
            ],
        }

    def lines(self) -> list[str]:
        """The plan for a person: a row per object, and the sums."""
        lines = [f"{'size':>10}  {'cached':>10}  object -> destination"]
        lines += [
            f"{human(item.size):>10}  {self._cached(item):>10}  "
            f"{item.found.key} -> {local_path(item.destination)}"
            for item in self.catalog.objects
        ]
        total, missing = self.catalog.total_bytes, self.catalog.total_bytes - self.cached_bytes
        return [
            *lines,
            f"{len(self.catalog.objects)} object(s), {human(total)}: {self.cached_objects} "
            f"object(s), {human(self.cached_bytes)} here already, {human(missing)} to fetch; "
            "nothing was fetched",
        ]

    def _cached(self, item: CatalogObject) -> str:
        """What is here of an object: `all` if it has landed."""
        here, landed = self._present(item)
        if landed:
            return "all"
        return human(here) if here else "-"

    def _present(self, item: CatalogObject) -> tuple[int, bool]:
        return self.present.get(item.index, (0, False))
