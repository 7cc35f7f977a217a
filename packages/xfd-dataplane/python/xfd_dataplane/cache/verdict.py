"""What is removed to keep a quota and an age. Pure.

Entries that no run has used for longer than the age go first. Then the least recently used go,
until the rest fits into the quota. What is pinned, in use, or was used a moment ago stays, and so
does what xfd did not fetch or may not remove there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from xfd_dataplane.cache.entries import CacheEntry

Reason = Literal["age", "quota"]

GRACE_S = 300.0
"""How long an entry is left alone after its last use, in seconds. A program that has just got a
file may still have to open it, although its lease has ended."""


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """What a node's cache is held to.

    Attributes:
        quota_bytes: limit on the bytes of all entries in its folders; None for no limit.
        max_age_s: longest time without a use, in seconds; None for no limit.
    """

    quota_bytes: int | None = None
    max_age_s: float | None = None

    def __bool__(self) -> bool:
        return self.quota_bytes is not None or self.max_age_s is not None


@dataclass(frozen=True, slots=True)
class Removal:
    """An entry that is to go, and why."""

    entry: CacheEntry
    reason: Reason


def to_remove(
    entries: Sequence[CacheEntry],
    limits: CacheLimits,
    *,
    now: float,
    folders: Sequence[Path],
    in_use: Iterable[Path] = (),
    grace_s: float = GRACE_S,
) -> tuple[Removal, ...]:
    """What goes, in this order.

    Args:
        entries: all of them.
        limits: quota and age.
        now: seconds since 1970. What was used later, by a clock that was set back, was used now.
        folders: what lies in none of these is neither removed nor counted.
        in_use: destinations that runs use.
        grace_s: entries that were used less than this many seconds ago stay.

    Example:
        >>> old = CacheEntry(Path("/c/a"), "file", "", 10, 1, landed_at=0.0, used_at=0.0)
        >>> limits = CacheLimits(quota_bytes=5)
        >>> [each.reason for each in to_remove([old], limits, now=999.0, folders=[Path("/c")])]
        ['quota']
    """
    idle_s = {entry.path: max(0.0, now - entry.used_at) for entry in entries}
    counted = [entry for entry in entries if any(map(entry.path.is_relative_to, folders))]
    used = UsedPlaces(in_use)
    removable = [
        entry
        for entry in sorted(counted, key=lambda entry: (entry.used_at, str(entry.path)))
        if entry.is_ours
        and not entry.pinned
        and idle_s[entry.path] >= grace_s
        and not used.overlaps(entry)
    ]
    left = sum(entry.bytes for entry in counted)
    going: list[Removal] = []
    for entry in removable:
        is_old = limits.max_age_s is not None and idle_s[entry.path] > limits.max_age_s
        if not is_old and (limits.quota_bytes is None or left <= limits.quota_bytes):
            continue
        going.append(Removal(entry, "age" if is_old else "quota"))
        left -= entry.bytes
    return tuple(going)


class UsedPlaces:
    """Destinations in use, to be compared with entries."""

    def __init__(self, places: Iterable[Path]) -> None:
        self.places = frozenset(places)
        self._places = {os.fspath(place) for place in self.places}
        self._above: set[str] = set()
        for place in self._places:
            folder = place.rpartition("/")[0]
            while folder and folder not in self._above:
                self._above.add(folder)
                folder = folder.rpartition("/")[0]

    def overlaps(self, entry: CacheEntry) -> bool:
        """Whether an entry is used, holds something that is, or lies in it."""
        return any(map(self.has, entry.places))

    def has(self, place: Path) -> bool:
        """Whether a place is used, holds something that is, or lies in it."""
        is_above = os.fspath(place) in self._above
        return is_above or any(os.fspath(at) in self._places for at in (place, *place.parents))
