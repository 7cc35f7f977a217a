"""What a hub cache has, by its own names: each blob's name is the checksum of its content.

No record of xfd is needed, so files of other tools can be compared too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xfd_api.chunks import Catalog, Checksum
from xfd_api.hub_files import SHA256_DIGITS
from xfd_api.hub_repos import repo_named
from xfd_api.json_text import parsed
from xfd_api.key_filter import KeyFilter
from xfd_api.lookups import Lookup
from xfd_api.paths import HUB_CACHE, local_path
from xfd_dataplane.hub.links import link_of

_BLOB = re.compile(r"(?:[a-z]+s)--[^/]+/blobs/([0-9a-f]{64}|[0-9a-f]{40})")


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file of a hub cache.

    Attributes:
        path: the blob, or what should be a link to it.
        checksum: what the blob's name says of its content; None if the file leads to no blob.
    """

    path: Path
    checksum: Checksum | None


def blob_checksum(path: Path) -> Checksum | None:
    """What the name of a blob says of its content; None for any other path.

    Example:
        >>> blob_checksum(Path("/hub/models--org--bert/blobs") / ("a" * 40)).algorithm
        'git-sha1'
    """
    match = _BLOB.fullmatch("/".join(path.parts[-3:]))
    if match is None:
        return None
    name = match[1]
    return Checksum("sha256" if len(name) == SHA256_DIGITS else "git-sha1", name)


def files_below(path: Path) -> Iterator[CachedFile]:
    """The blobs at a path or below it, and those that links there lead to, each once."""
    seen = set()
    for each in [path, *sorted(path.rglob("*"))] if path.is_dir() else [path]:
        blob = _behind(each)
        checksum = blob_checksum(blob)
        if checksum is not None and blob not in seen:
            seen.add(blob)
            yield CachedFile(blob, checksum)


def files_of(lookup: Lookup) -> Iterator[CachedFile]:
    """The files of a lookup in this node's hub cache, without asking the hub.

    The revision is the one that the cache knows, and its files are those that the cache lists. A
    file that is listed and has no link is among them.
    """
    repo = repo_named(lookup.bucket or "")
    folder = local_path(lookup.destination)
    ref = folder / "refs" / repo.revision
    commit = repo.revision if repo.ref is None else _text(ref)
    if commit is None:
        yield CachedFile(ref, None)
        return
    snapshot = folder / "snapshots" / commit
    links = (each for each in snapshot.rglob("*") if each.is_symlink() or each.is_file())
    listed = {each.relative_to(snapshot).as_posix() for each in links}
    blobs = _listed(folder / "trees" / f"{commit}.json")
    wanted = [path for path in sorted(listed | blobs.keys()) if _is_wanted(lookup, path)]
    for path in wanted or [lookup.key]:
        pointer = snapshot / path
        checksum = blob_checksum(_behind(pointer))
        if checksum is None and path in blobs:
            checksum = blob_checksum(folder / "blobs" / blobs[path])
        yield CachedFile(pointer, checksum)


def not_linked(catalog: Catalog) -> Iterator[CachedFile]:
    """The files of a catalog's snapshots that do not lead to their blobs."""
    for snapshot in catalog.snapshots:
        for file in snapshot.files:
            link = link_of(snapshot, file)
            pointer, blob = (local_path(f"{HUB_CACHE}{place}") for place in (link.path, link.blob))
            if blob.exists() and not (pointer.exists() and pointer.samefile(blob)):
                yield CachedFile(pointer, blob_checksum(blob))


def _is_wanted(lookup: Lookup, path: str) -> bool:
    if not lookup.is_prefix:
        return path == lookup.key
    below = path
    if lookup.key:
        folder = lookup.key.rstrip("/") + "/"
        if not path.startswith(folder):
            return False
        below = path.removeprefix(folder)
    return KeyFilter(lookup.include, lookup.exclude).accepts(below)


def _behind(path: Path) -> Path:
    """What a link of a snapshot leads to. A blob may itself be a link into a shared store."""
    if not path.is_symlink() or blob_checksum(path) is not None:
        return path
    return Path(os.path.normpath(path.parent / path.readlink()))


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _listed(tree: Path) -> dict[str, str]:
    """The blob of each file in the list of a commit's files; empty without a list."""
    try:
        files = parsed(_text(tree) or "{}").get("files", {})
        return {path: info.get("lfs_sha256") or info["blob_id"] for path, info in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
