"""What the commands ask of a node's cache. Actions and answers travel to other nodes of a cluster.

An answer is a document of plain values, as `--json` prints it.
"""

from __future__ import annotations

import datetime
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from xfd_api.errors import InvalidRequestError
from xfd_api.settings import NodeSettings
from xfd_dataplane.cache import upkeep
from xfd_dataplane.cache.entries import CacheEntry
from xfd_dataplane.cache.leftovers import OLD_S
from xfd_dataplane.cache.limits import MAX_AGE, QUOTA, limits_of
from xfd_dataplane.cache.node_cache import NodeCache
from xfd_dataplane.cache.removing import Removed
from xfd_dataplane.cache.verdict import CacheLimits

Command = Literal["ls", "du", "rm", "prune", "pin", "unpin", "records"]

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CacheAction:
    """One command.

    Attributes:
        command: which one.
        paths: destinations: absolute, below the root, or below `working_folder`.
        working_folder: that of the command on this host; None for another node.
        settings: as they are configured where the command was typed.
        limits: of `prune`; what is None is as configured, or as in the node's environment.
        only_looks: says what would be done, and changes nothing.
        old_s: see `leftovers`.
    """

    command: Command
    paths: tuple[str, ...] = ()
    working_folder: str | None = None
    settings: NodeSettings = field(default_factory=NodeSettings)
    limits: CacheLimits = field(default_factory=CacheLimits)
    only_looks: bool = False
    old_s: float = OLD_S


def carry_out(action: CacheAction) -> Document:
    """Carries an action out on this host, and says what it did.

    Raises:
        CacheEntryNotFoundError: xfd keeps nothing at a path.
        InvalidRequestError: a path is empty, or `prune` has neither a quota nor an age.
        DestinationError: the index cannot be opened.

    Example:
        >>> sorted(carry_out(CacheAction("ls")))
        ['bytes', 'entries', 'hub_cache', 'root']
    """
    cache = NodeCache.of(action.settings)
    return _ACTIONS[action.command](cache, action)


def _list(cache: NodeCache, action: CacheAction) -> Document:
    places = _places(cache, action)
    entries = [
        entry_document(entry, is_used)
        for entry, is_used in upkeep.entries(cache)
        if not places or any(map(entry.path.is_relative_to, (at for each in places for at in each)))
    ]
    return {
        "root": os.fspath(cache.root),
        "hub_cache": os.fspath(cache.hub_cache),
        "entries": entries,
        "bytes": sum(each["bytes"] for each in entries),
    }


def _usage(cache: NodeCache, action: CacheAction) -> Document:
    limits = limits_of(action.settings, os.environ)
    listed = upkeep.entries(cache)
    counted = [each for each in listed if any(map(each[0].path.is_relative_to, cache.folders))]
    existing = next((at for at in (cache.root, *cache.root.parents) if at.exists()), Path("/"))
    return {
        "root": os.fspath(cache.root),
        "hub_cache": os.fspath(cache.hub_cache),
        "entries": len(listed),
        "objects": sum(entry.objects for entry, _ in listed),
        "bytes": sum(entry.bytes for entry, _ in counted),
        "pinned_bytes": sum(entry.bytes for entry, _ in counted if entry.pinned),
        "used_bytes": sum(entry.bytes for entry, is_used in counted if is_used),
        "elsewhere_bytes": sum(entry.bytes for entry, _ in listed)
        - sum(entry.bytes for entry, _ in counted),
        "quota_bytes": limits.quota_bytes,
        "max_age_s": limits.max_age_s,
        "disk_free_bytes": shutil.disk_usage(existing).free,
    }


def _remove(cache: NodeCache, action: CacheAction) -> Document:
    places = _places(cache, action)
    return _removed(upkeep.remove(cache, places, only_looks=action.only_looks))


def _prune(cache: NodeCache, action: CacheAction) -> Document:
    configured, given = limits_of(action.settings, os.environ), action.limits
    limits = CacheLimits(
        configured.quota_bytes if given.quota_bytes is None else given.quota_bytes,
        configured.max_age_s if given.max_age_s is None else given.max_age_s,
    )
    if not limits:
        raise InvalidRequestError(
            "There is neither a quota nor an age to keep",
            remedy=f"Give --quota or --max-age, or set {QUOTA} or {MAX_AGE} on the node",
        )
    return _removed(upkeep.prune(cache, limits, only_looks=action.only_looks))


def _removed(removed: Removed) -> Document:
    return {
        "removed": [
            {"path": os.fspath(each.path), "bytes": each.bytes} for each in removed.removed
        ],
        "kept": [{"path": os.fspath(entry.path), "why": why} for entry, why in removed.kept],
        "bytes": removed.bytes,
    }


def _pin(cache: NodeCache, action: CacheAction) -> Document:
    pinned = action.command == "pin"
    entries = upkeep.pin(cache, _places(cache, action), pinned=pinned)
    return {"pinned": pinned, "entries": [os.fspath(entry.path) for entry in entries]}


def _clean(cache: NodeCache, action: CacheAction) -> Document:
    folders = [place[0] for place in _places(cache, action)]
    found = upkeep.clean(cache, folders, old_s=action.old_s, only_looks=action.only_looks)
    return {
        "leftovers": [
            {"path": os.fspath(each.path), "what": each.what, "bytes": each.bytes} for each in found
        ],
        "bytes": sum(each.bytes for each in found),
    }


_ACTIONS: Mapping[str, Callable[[NodeCache, CacheAction], Document]] = {
    "ls": _list,
    "du": _usage,
    "rm": _remove,
    "prune": _prune,
    "pin": _pin,
    "unpin": _pin,
    "records": _clean,
}


def _places(cache: NodeCache, action: CacheAction) -> list[list[Path]]:
    """What each path may mean: in the command's folder, or below the root.

    Raises:
        InvalidRequestError: a path is empty, as an unset variable of a shell is.
    """
    if not all(map(str.strip, action.paths)):
        raise InvalidRequestError(
            "A path is empty, which would mean everything",
            remedy="Name a path; . is the working folder",
        )
    folders = [action.working_folder, os.fspath(cache.root)]
    return [
        list(
            dict.fromkeys(
                Path(os.path.normpath(f"{folder}/{path}" if path[:1] != "/" else path))
                for folder in folders
                if folder is not None
            )
        )
        for path in action.paths
    ]


def entry_document(entry: CacheEntry, is_used: bool) -> Document:
    """An entry with plain values; times in UTC."""
    return {
        "path": os.fspath(entry.path),
        "kind": entry.kind,
        "tree": None if entry.tree is None else os.fspath(entry.tree),
        "source": entry.source or None,
        "bytes": entry.bytes,
        "objects": entry.objects,
        "landed_at": _time(entry.landed_at),
        "used_at": _time(entry.used_at),
        "pinned": entry.pinned,
        "in_use": is_used,
        "fetched_by_xfd": entry.is_ours,
    }


def _time(seconds: float) -> str:
    time = datetime.datetime.fromtimestamp(int(seconds), tz=datetime.timezone.utc)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def for_other_nodes(action: CacheAction) -> CacheAction:
    """The same action, for nodes that do not have this command's working folder."""
    return replace(action, working_folder=None)
