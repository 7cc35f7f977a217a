"""What is done to a node's cache: list, hold to its limits, remove, pin.

Every function opens the index, and waits for other processes that have it open for moments.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from xfd_api.errors import CacheEntryNotFoundError, DestinationError, XfdError
from xfd_dataplane.cache.comparing import is_gone
from xfd_dataplane.cache.entries import CacheEntry
from xfd_dataplane.cache.index import CacheIndex
from xfd_dataplane.cache.leftovers import OLD_S, Leftover, leftovers, remove_leftovers
from xfd_dataplane.cache.node_cache import NodeCache
from xfd_dataplane.cache.rebuilding import rebuild_once
from xfd_dataplane.cache.removing import Removed, delete_leftovers, is_used, take_away
from xfd_dataplane.cache.verdict import CacheLimits, UsedPlaces, to_remove

Place = Sequence[Path]
"""The paths that a destination on a command line may mean."""


def entries(cache: NodeCache) -> list[tuple[CacheEntry, bool]]:
    """All entries by path, and whether a run uses each. Entries whose files are gone are forgotten.

    Raises:
        DestinationError: the index cannot be opened.
    """
    with _opened(cache) as (index, used):
        return [(entry, is_used(entry, used)) for entry in index.entries()]


def prune(
    cache: NodeCache,
    limits: CacheLimits,
    *,
    now: float | None = None,
    grace_s: float = 0.0,
    only_looks: bool = False,
) -> Removed:
    """Removes what a node's limits say. It is what runs do at their end.

    Args:
        cache: the node's.
        limits: quota and age.
        now: seconds since 1970; None for now.
        grace_s: see `to_remove`.
        only_looks: says what would go, and changes nothing.

    Raises:
        DestinationError: the index cannot be opened.
    """
    now = time.time() if now is None else now
    with _opened(cache) as (index, used):
        going = to_remove(
            index.entries(),
            limits,
            now=now,
            folders=cache.folders,
            in_use=used.places,
            grace_s=grace_s,
        )
        chosen = [each.entry for each in going]
        removed = take_away(cache, index, used, chosen, only_looks=only_looks)
        if not only_looks:
            delete_leftovers(cache, but=removed.aside)
    removed.delete_aside()
    return removed


def remove(cache: NodeCache, places: Sequence[Place], *, only_looks: bool = False) -> Removed:
    """Removes the entries of these destinations, wherever they are, and those below folders.

    Args:
        cache: the node's.
        places: the paths that each destination may mean; the first one with an entry counts.
        only_looks: says what would go, and changes nothing.

    Raises:
        CacheEntryNotFoundError: xfd keeps nothing there.
        DestinationError: the index cannot be opened.
    """
    with _opened(cache) as (index, used):
        chosen = {entry.path: entry for place in places for entry in _named(index, place)}
        removed = take_away(cache, index, used, chosen.values(), only_looks=only_looks)
    removed.delete_aside()
    return removed


def pin(cache: NodeCache, places: Sequence[Place], *, pinned: bool = True) -> list[CacheEntry]:
    """Pins or unpins the entries of these destinations, and returns them as they are now.

    Raises:
        CacheEntryNotFoundError: xfd keeps nothing there.
        DestinationError: the index cannot be opened.
    """
    with _opened(cache) as (index, _):
        chosen = [entry for place in places for entry in _named(index, place)]
        for entry in chosen:
            index.set_pinned(entry.path, pinned)
    return [replace(entry, pinned=pinned) for entry in chosen]


def clean(
    cache: NodeCache,
    folders: Sequence[Path] = (),
    *,
    old_s: float = OLD_S,
    only_looks: bool = False,
) -> list[Leftover]:
    """Removes what runs left beside destinations, and records without files.

    Args:
        cache: the node's.
        folders: where to look; the root and the hub cache without any.
        old_s: see `leftovers`.
        only_looks: says what would go, and changes nothing.

    Raises:
        DestinationError: the index cannot be opened.
    """
    with _opened(cache) as (_, used):
        where = list(folders) or [cache.root]
        found = leftovers(cache, where, used, now=time.time(), old_s=old_s)
        if not only_looks:
            remove_leftovers(found)
    return found


def _named(index: CacheIndex, place: Place) -> list[CacheEntry]:
    """The entry of a path, or those below a folder."""
    for path in place:
        entry = index.entry(path)
        if entry is not None:
            return [entry]
        below = [entry for entry in index.entries() if entry.path.is_relative_to(path)]
        if below:
            return below
    raise CacheEntryNotFoundError("xfd keeps nothing there", path=str(place[0]))


@contextlib.contextmanager
def _opened(cache: NodeCache) -> Iterator[tuple[CacheIndex, UsedPlaces]]:
    try:
        with cache.opened_for_removal() as (index, used):
            rebuild_once(cache, index)
            index.remove([entry.path for entry in index.entries() if is_gone(entry)])
            yield index, UsedPlaces(used)
    except XfdError:  # Some are OSErrors too.
        raise
    except (OSError, sqlite3.Error) as error:
        raise DestinationError(
            f"The index of the cache cannot be opened: {error}",
            path=str(cache.own),
            remedy="See who owns the folder, and whether its disk has locks (flock)",
        ) from error
