"""One swarm's use of the cache: enters what it uses before anything is looked at, and what landed.

A failure of the index never fails a download: what cannot be entered is not protected or not known,
and the next run that uses it enters it.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from xfd_api.chunks import Catalog, CatalogObject
from xfd_api.errors import XfdError
from xfd_api.ids import ObjectIndex
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.reports import LogEvent, LogLevel, NodeEvent, ObjectLanded
from xfd_api.settings import NodeSettings
from xfd_dataplane.cache.catalog_units import CatalogUnit, CatalogUnits
from xfd_dataplane.cache.entries import CacheEntry, place_of
from xfd_dataplane.cache.index import CacheIndex, Column
from xfd_dataplane.cache.limits import limits_of
from xfd_dataplane.cache.node_cache import NodeCache
from xfd_dataplane.cache.upkeep import prune
from xfd_dataplane.cache.uses import Use, Uses
from xfd_dataplane.cache.verdict import GRACE_S
from xfd_dataplane.records import read_record

ENTERED_EVERY_S = 5.0
"""How often what has landed is entered, in seconds; and at the swarm's end."""

_MANY = 200
"""With more entries than this, one look at the whole index is faster than one for each."""

Log = Callable[[LogEvent], None]

_FAILURES = (OSError, sqlite3.Error, ValueError, XfdError)


class SwarmUse:
    """What a swarm uses and brings. Safe to be used by several threads.

    Args:
        cache: the node's.
        log: takes events.
        clock: seconds; how often the index is written depends on it.
    """

    def __init__(
        self, cache: NodeCache, log: Log, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._cache = cache
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._units = CatalogUnits(os.fspath(cache.root), os.fspath(cache.hub_cache), os.environ)
        self._stores: ObjectStoreConfigByProfile | None = None
        self._uses: dict[bool, Use] = {}
        self._fetched: set[ObjectIndex] = set()
        self._pending: dict[Path, list[ObjectIndex]] = {}
        self._entered_at = clock()
        self._is_off = False

    def begin(self, catalog: Catalog, stores: ObjectStoreConfigByProfile) -> None:
        """The swarm uses these destinations from now on. Call it before the inventory."""
        with self._lock:
            self._stores = stores
            self._guarded(lambda: self._begin(catalog, stores))

    def find_twins(
        self, missing: Sequence[ObjectIndex]
    ) -> list[tuple[ObjectIndex, str, str | None]]:
        """Where missing objects may be under other destinations of this node.

        Returns:
            Of each place the object, the file, and the folder of the prefix that it landed with.
        """
        places: list[tuple[ObjectIndex, str, str | None]] = []
        with self._lock:
            self._guarded(lambda: places.extend(self._find_twins(missing)))
        return places

    def _find_twins(
        self, missing: Sequence[ObjectIndex]
    ) -> Iterator[tuple[ObjectIndex, str, str | None]]:
        stores = self._stores
        if stores is None or not self._cache.index_path.exists():
            return
        wanted: dict[Column, dict[int, list[ObjectIndex]]] = {"identity": {}, "content": {}}
        for index in missing:
            item = self._units.item(index)
            if item is None or not self._units.units_of(item):
                continue
            for column, number in zip(wanted, self._units.identities(item, stores), strict=True):
                if number is not None:
                    wanted[column].setdefault(number, []).append(index)
        with self._cache.opened() as opened:
            for column, by_number in wanted.items():
                for number, path, kind, name in opened.twins(column, list(by_number)):
                    file, group = place_of(path, kind, name)
                    yield from ((index, file, group) for index in by_number[number])

    def found(self, landed: Iterable[ObjectIndex]) -> None:
        """An inventory found these objects valid."""
        with self._lock:
            self._add(landed)
            self._guarded(self._enter)

    def handle(self, events: Sequence[NodeEvent]) -> None:
        """Takes in what has landed. Call it without events too, so that all is entered in time."""
        landed = [event.object for event in events if isinstance(event, ObjectLanded)]
        with self._lock:
            self._fetched.update(landed)
            self._add(landed)
            if self._pending and self._clock() - self._entered_at > ENTERED_EVERY_S:
                self._guarded(self._enter)

    def end(self, settings: NodeSettings) -> None:
        """The swarm needs its destinations no more; holds the cache to its limits.

        What this swarm has used stays, however large it is.
        """
        with self._lock:
            self._guarded(self._enter)
            self._guarded(lambda: self._hold(settings))
            for in_hub, use in self._uses.items():
                self._uses_of(in_hub).end(use)
            self._uses = {}

    def _hold(self, settings: NodeSettings) -> None:
        limits = limits_of(settings, os.environ)
        if not limits:
            return
        removed = prune(self._cache, limits, grace_s=GRACE_S)
        if removed.removed or removed.kept:
            self._emit(
                "info",
                "cache_pruned",
                removed=len(removed.removed),
                bytes=removed.bytes,
                kept=len(removed.kept),
            )

    def _guarded(self, do: Callable[[], None]) -> None:
        """Does something, unless the index has failed already."""
        if self._is_off:
            return
        try:
            do()
        except _FAILURES as error:
            self._is_off = True
            if isinstance(error, PermissionError) or getattr(error, "errno", None) == errno.EROFS:
                return  # A root that this user may only read, or another user's index.
            path = os.fspath(self._cache.own)
            self._emit("warning", "cache_index_failed", path=path, error=str(error))

    def _emit(self, level: LogLevel, name: str, **fields: int | str) -> None:
        self._log(LogEvent(level, name, time.time(), dict(fields)))

    def _begin(self, catalog: Catalog, stores: ObjectStoreConfigByProfile) -> None:
        units = self._units.extend(catalog, stores)
        places: dict[bool, list[str]] = {}
        for in_hub, place in self._units.used_places(units):
            places.setdefault(in_hub, []).append(place)
        for in_hub, used in places.items():
            uses = self._uses_of(in_hub)
            with uses.locked():
                if in_hub not in self._uses:
                    self._uses[in_hub] = uses.begin()
                self._uses[in_hub].add(used)

    def _uses_of(self, in_hub: bool) -> Uses:
        return self._cache.hub_uses if in_hub else self._cache.uses

    def _add(self, landed: Iterable[ObjectIndex]) -> None:
        for index in landed:
            item = self._units.item(index)
            for unit in () if item is None else self._units.units_of(item):
                self._pending.setdefault(unit.path, []).append(index)

    def _enter(self) -> None:
        self._entered_at = self._clock()
        stores = self._stores
        if not self._pending or stores is None:
            return
        pending, self._pending = self._pending, {}
        now = time.time()
        units = [(self._units.units[path], objects) for path, objects in pending.items()]
        rows = [(unit, objects, _tree_bytes(unit)) for unit, objects in units]
        with self._cache.opened() as index:
            known = _known(index, pending)
            unchanged = []
            for unit, objects, tree_bytes in rows:
                entry = known.get(unit.path)
                if entry is not None and self._is_known(unit, objects, tree_bytes, entry):
                    unchanged.append(unit.path)
                    continue
                if entry is None:
                    entry = CacheEntry(unit.path, unit.kind, "", 0, 0, now, now)
                entry = replace(
                    entry,
                    kind=unit.kind,
                    source=unit.source,
                    tree=unit.tree,
                    used_at=now,
                    is_ours=entry.is_ours and self._is_ours(unit, objects, index),
                )
                indexed = self._units.indexed(unit, self._items(objects), stores)
                index.put(entry, indexed, tree_bytes=tree_bytes)
            index.use(unchanged, now)

    def _items(self, objects: Iterable[ObjectIndex]) -> Iterator[CatalogObject]:
        return (item for item in map(self._units.item, objects) if item is not None)

    def _is_known(
        self,
        unit: CatalogUnit,
        objects: Sequence[ObjectIndex],
        tree_bytes: int,
        entry: CacheEntry,
    ) -> bool:
        """Whether the index has all of this already: nothing was fetched, and the sums agree."""
        if not self._fetched.isdisjoint(objects):
            return False
        size = tree_bytes
        if unit.keeps_archive:
            size += sum(item.size for item in self._items(objects))
        found = (size, len(objects), unit.kind, unit.tree)
        return found == (entry.bytes, entry.objects, entry.kind, entry.tree)

    def _is_ours(
        self, unit: CatalogUnit, objects: Sequence[ObjectIndex], index: CacheIndex
    ) -> bool:
        """Whether xfd has fetched these objects of an entry.

        Whatever has a record of xfd was. Blobs of a hub cache have one too if another tool put them
        there, so they have to be fetched by this run, or be in a snapshot that is ours.
        """
        if unit.kind != "snapshot":
            return True
        ours: set[str] = set()
        for entry in index.entries():
            if entry.kind == "snapshot" and entry.is_ours and entry.path.parent == unit.path.parent:
                ours.update(each.name for each in index.objects(entry.path))
        return all(
            unit.name_of(item) in ours or item.index in self._fetched
            for item in self._items(objects)
        )


def _known(index: CacheIndex, paths: Collection[Path]) -> dict[Path, CacheEntry]:
    """The entries of these paths that the index has."""
    if len(paths) > _MANY:
        return {entry.path: entry for entry in index.entries()}
    entries = map(index.entry, paths)
    return {entry.path: entry for entry in entries if entry is not None}


def _tree_bytes(unit: CatalogUnit) -> int:
    if unit.tree is None:
        return 0
    record = read_record(unit.path)
    return 0 if record is None else sum(each.size for each in record.entries if each.kind == "f")
