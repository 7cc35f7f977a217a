"""Removes entries: each leaves its place in one step, then its records go, then its bytes.

A process that is killed between these steps leaves a record without a file, which counts as
nothing, and what it has put aside, which the next removal deletes. The lock of the cache is held
while places are left, so that no run begins to use an entry that goes.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from xfd_dataplane._native import record_path
from xfd_dataplane.cache import hub_snapshots
from xfd_dataplane.cache.comparing import is_gone, why_kept
from xfd_dataplane.cache.entries import CacheEntry
from xfd_dataplane.cache.index import CacheIndex
from xfd_dataplane.cache.node_cache import NodeCache
from xfd_dataplane.cache.verdict import UsedPlaces

ASIDE = ".xfd-gone-"
"""How the name of what is put aside beside its place begins, if another disk has the root."""


@dataclass(slots=True)
class Removed:
    """What a removal did.

    Attributes:
        removed: entries that are gone.
        kept: entries that stay, and why.
        aside: what has left its place and is still to be deleted.
    """

    removed: list[CacheEntry] = field(default_factory=list)
    kept: list[tuple[CacheEntry, str]] = field(default_factory=list)
    aside: list[Path] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Bytes of the entries that are gone."""
        return sum(entry.bytes for entry in self.removed)

    def delete_aside(self) -> None:
        """Deletes what was put aside. The lock need not be held."""
        for path in self.aside:
            delete(path)
        self.aside = []


def take_away(
    cache: NodeCache,
    index: CacheIndex,
    used: UsedPlaces,
    entries: Iterable[CacheEntry],
    *,
    only_looks: bool = False,
) -> Removed:
    """Takes entries from their places. The lock is held; call `Removed.delete_aside` after it.

    Args:
        cache: the node's.
        index: its index, which forgets them.
        used: the destinations that runs use.
        entries: what is to go.
        only_looks: says what would go, and changes nothing.

    Raises:
        OSError: the folder of what is put aside cannot be made.
    """
    outcome = Removed()
    for entry in entries:
        why = _why_kept(index, entry, used)
        if why is None and not only_looks:
            try:
                _take(cache, entry, outcome, used)
            except OSError as error:
                why = f"it cannot be removed: {error.strerror or error}"
        if why is not None:
            outcome.kept.append((entry, why))
            continue
        outcome.removed.append(entry)
        if not only_looks:
            index.remove([entry.path])
    return outcome


def is_used(entry: CacheEntry, used: UsedPlaces) -> bool:
    """Whether a run uses an entry, by its own path or by another one that links lead to."""
    real = (Path(os.path.realpath(place)) for place in entry.places)
    return used.overlaps(entry) or any(map(used.has, real))


def _why_kept(index: CacheIndex, entry: CacheEntry, used: UsedPlaces) -> str | None:
    if entry.pinned:
        return "it is pinned"
    if is_used(entry, used):
        return "a run uses it"
    if is_gone(entry):
        return None
    try:
        if entry.kind == "snapshot":
            names = frozenset(each.name for each in index.objects(entry.path))
            return hub_snapshots.why_kept(entry, names)
        return why_kept(entry)
    except OSError as error:
        return f"it cannot be looked at: {error.strerror or error}"


def _take(cache: NodeCache, entry: CacheEntry, outcome: Removed, used: UsedPlaces) -> None:
    if entry.kind == "snapshot":
        hub_snapshots.remove(cache, entry)
        return
    moved: list[tuple[Path, Path]] = []
    try:
        for place in entry.places:
            with contextlib.suppress(FileNotFoundError):
                moved.append((place, _put_aside(cache, place)))
    except OSError:
        for place, aside in moved:  # It stays whole.
            aside.rename(place)
        raise
    outcome.aside += (aside for _, aside in moved)
    record = record_path(entry.path)
    for path in (record, Path(f"{record}-part"), Path(f"{record}-journal")):
        path.unlink(missing_ok=True)
    folder = entry.path.parent
    while folder != cache.root and folder.is_relative_to(cache.root) and not used.has(folder):
        try:
            folder.rmdir()
        except OSError:
            break
        folder = folder.parent


def _put_aside(cache: NodeCache, place: Path) -> Path:
    name = secrets.token_hex(8)
    cache.aside.mkdir(exist_ok=True)
    if cache.aside.lstat().st_dev == place.parent.lstat().st_dev:
        aside = cache.aside / name
    else:
        aside = place.with_name(f"{ASIDE}{name}")
    place.rename(aside)
    return aside


def delete(path: Path) -> None:
    """Deletes a file or a tree; one that is gone already is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def delete_leftovers(cache: NodeCache, *, but: Collection[Path]) -> None:
    """Deletes what a removal that was killed had put aside. The lock is held.

    A removal that runs deletes the same files, which is as well.
    """
    with contextlib.suppress(FileNotFoundError):
        for path in list(cache.aside.iterdir()):
            if path not in but:
                delete(path)
