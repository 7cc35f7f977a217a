"""What a node does for `xfd plan`; nothing is changed there."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path

from xfd_api.catalog import build_catalog
from xfd_api.chunks import Catalog
from xfd_api.lookups import DownloadPlan
from xfd_api.paths import local_path
from xfd_dataplane.downloading import open_node, survey
from xfd_ray.worker.disk import disk_room


@dataclass(frozen=True, slots=True)
class Room:
    """One disk of a node that files land on, in bytes; `folder` is a destination on it."""

    folder: str
    missing: int
    free: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What a node has of a catalog.

    Attributes:
        present: of each object, in the order of the catalog, the bytes that need not be fetched.
        landed: objects that are whole at their destinations.
        rooms: the disks that lack something.
    """

    present: array[int]
    landed: int
    rooms: tuple[Room, ...]


def find_catalog(plan: DownloadPlan, chunk_size_bytes: int | None) -> Catalog:
    """Asks the stores, as a distribution does."""
    with open_node() as node:
        found = node.find_objects(plan.lookups, plan.stores)
    return build_catalog(plan.lookups, found, chunk_size_bytes=chunk_size_bytes)


def survey_node(catalog: Catalog) -> Survey:
    """Looks at what is on the disks. Parts that an earlier run left are not verified."""
    with open_node() as node:
        known = survey(node, catalog)
    present = array("q", (known.get(item.index, (0, False))[0] for item in catalog.objects))
    landed = sum(is_landed for _, is_landed in known.values())
    return Survey(present, landed, tuple(_rooms(catalog, present)))


def _rooms(catalog: Catalog, present: array[int]) -> list[Room]:
    missing: dict[int, tuple[str, int]] = {}
    folders: dict[str, int] = {}
    for item, here in zip(catalog.objects, present, strict=True):
        if item.size == here:
            continue
        folder = str(local_path(item.destination).parent)
        if folder not in folders:
            folders[folder] = _device(Path(folder))
        device = folders[folder]
        first, lacked = missing.get(device, (folder, 0))
        missing[device] = (first, lacked + item.size - here)
    return [
        Room(folder, lacked, disk_room(folder).free_bytes) for folder, lacked in missing.values()
    ]


def _device(folder: Path) -> int:
    """The file system of a folder, or of the nearest one above it that there is."""
    while not folder.exists():
        folder = folder.parent
    return folder.stat().st_dev
