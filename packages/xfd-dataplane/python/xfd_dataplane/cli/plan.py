"""What a dry run says: what would be fetched, and what is here already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xfd_api.chunks import Catalog, CatalogObject
from xfd_api.ids import ObjectIndex
from xfd_api.paths import local_path
from xfd_dataplane.progress import human


@dataclass(frozen=True, slots=True)
class Plan:
    """A catalog, and of each object the bytes that are here and whether it has landed."""

    catalog: Catalog
    here: Mapping[ObjectIndex, tuple[int, bool]]

    @property
    def cached_bytes(self) -> int:
        """Bytes that need not be fetched."""
        return sum(here for here, _ in self.here.values())

    @property
    def cached_objects(self) -> int:
        """Objects for which nothing is left to do."""
        return sum(landed for _, landed in self.here.values())

    def document(self) -> dict[str, Any]:
        """For a program."""
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
                    "unpack": None if item.unpack is None else item.unpack.destination,
                }
                for item in self.catalog.objects
            ],
        }

    def lines(self) -> list[str]:
        """For a person."""
        lines = [
            f"{human(item.size):>10}  {item.found.key} -> {local_path(item.destination)}"
            f"{self._note(item)}"
            for item in self.catalog.objects
        ]
        total, missing = self.catalog.total_bytes, self.catalog.total_bytes - self.cached_bytes
        return [
            *lines,
            f"{len(self.catalog.objects)} object(s), {human(total)}: {self.cached_objects} "
            f"object(s), {human(self.cached_bytes)} here already, {human(missing)} to fetch; "
            "nothing was fetched",
        ]

    def _note(self, item: CatalogObject) -> str:
        here, landed = self.here.get(item.index, (0, False))
        if landed:
            return " (here already)"
        return f" ({human(here)} of it here already)" if here else ""
