"""Links what lands in the hub cache: each snapshot as its blobs land, then its ref and its list.

An object is reported as landed when its links are made.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from xfd_api.chunks import Catalog
from xfd_api.errors import XfdError
from xfd_api.ids import ObjectIndex
from xfd_api.paths import HUB_CACHE, is_in_hub_cache
from xfd_api.reports import NodeEvent, ObjectFailed, ObjectLanded
from xfd_dataplane.hub.links import SnapshotLinks, last_files
from xfd_dataplane.hub.placing import HubFolder


class SwarmLinks:
    """The snapshots of one swarm. Safe to be used by several threads.

    Args:
        folder: the hub cache.
    """

    def __init__(self, folder: HubFolder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._snapshots: list[SnapshotLinks] = []
        self._blob_of: dict[ObjectIndex, str] = {}
        self._landed: set[str] = set()

    def check(self, catalog: Catalog) -> list[SnapshotLinks]:
        """Checks the snapshots of a catalog before anything is fetched for them.

        Raises:
            XfdError: a name is unsafe, or this user may not write a missing link.
        """
        added = [SnapshotLinks(snapshot) for snapshot in catalog.snapshots]
        for links in added:
            self._folder.check(link for blob_id in links.blobs for link in links.of_blob(blob_id))
        return added

    def extend(
        self, catalog: Catalog, added: Sequence[SnapshotLinks], landed: Iterable[ObjectIndex]
    ) -> None:
        """Adds a catalog, with those of its objects that have landed, and links what is there.

        Raises:
            XfdError: a link cannot be made.
        """
        with self._lock:
            for item in catalog.objects:
                if is_in_hub_cache(item.destination):
                    self._blob_of[item.index] = item.destination.removeprefix(HUB_CACHE)
            if added:
                self._folder.tag()
            for blob in self._blob_of.values():
                self._folder.prepare(blob.partition("/")[0])
            self._snapshots += added
            blobs = (self._blob_of.get(index) for index in landed)
            self._landed.update(blob for blob in blobs if blob is not None)
            for links in list(self._snapshots):
                self._link(links, links.blobs)

    def with_links(self, events: Sequence[NodeEvent]) -> list[NodeEvent]:
        """The events, after the links of landed objects are made.

        Where that fails, the object has failed.
        """
        return [
            self._linked(event) if isinstance(event, ObjectLanded) else event for event in events
        ]

    def _linked(self, event: ObjectLanded) -> ObjectLanded | ObjectFailed:
        with self._lock:
            blob = self._blob_of.get(event.object)
            if blob is None:
                return event
            self._landed.add(blob)
            try:
                for links in list(self._snapshots):
                    if blob.startswith(f"{links.snapshot.repo_folder}/"):
                        self._link(links, (blob.rpartition("/")[2],))
            except XfdError as error:
                return ObjectFailed(event.object, error)
            return event

    def _link(self, links: SnapshotLinks, blobs: Iterable[str]) -> None:
        for blob_id in blobs:
            if f"{links.snapshot.repo_folder}/blobs/{blob_id}" in self._landed:
                for link in links.of_blob(blob_id):
                    self._folder.link(link)
                links.made(blob_id)
        if links.is_linked:
            for file in last_files(links.snapshot):
                self._folder.write(file)
            self._snapshots.remove(links)
