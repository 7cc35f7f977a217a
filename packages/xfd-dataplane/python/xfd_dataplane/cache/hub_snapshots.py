"""Snapshots of a hub cache: compared by their links, and removed by `huggingface_hub` itself.

It removes a revision's links, the refs that name it, and the blobs that no other revision has.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from xfd_dataplane.cache.entries import CacheEntry

if TYPE_CHECKING:
    from xfd_dataplane.cache.node_cache import NodeCache

RECORDS = ".xfd-hub"
"""The folder below the root with the records of blobs."""


def why_kept(entry: CacheEntry, names: frozenset[str]) -> str | None:
    """Why a snapshot is not to be removed; None if it is as it was left.

    Args:
        entry: of a snapshot.
        names: the blobs that the index knows.
    """
    blobs = entry.path.parents[1] / "blobs"
    count = 0
    for link in entry.path.rglob("*"):
        if link.is_dir() and not link.is_symlink():
            continue
        blob = link.resolve()
        if blob.parent != blobs.resolve() and link.is_symlink():
            return f"{link} leads out of the repository"
        if blob.name not in names:
            return f"{link} is not of xfd"
        count += 1
    return None if count else "it has no files"


def remove(cache: NodeCache, entry: CacheEntry) -> None:
    """Removes a snapshot, with what belongs to no other one.

    Raises:
        OSError: `huggingface_hub` is not installed, or does not know the snapshot.
    """
    try:
        from huggingface_hub import scan_cache_dir
    except ImportError as error:
        raise OSError("install huggingface_hub, which removes its snapshots") from error
    repo = entry.path.parents[1]
    found = scan_cache_dir(cache.hub_cache)
    # Copies of a repository have the same commits, so only this one is looked at.
    found = replace(found, repos=frozenset(each for each in found.repos if each.repo_path == repo))
    plan = found.delete_revisions(entry.path.name)
    if not plan.repos | plan.snapshots:
        raise OSError("huggingface_hub does not find the snapshot")
    plan.execute()
    if not repo.exists():
        for records in (cache.root / RECORDS).glob(f"*/{repo.name}"):
            shutil.rmtree(records, ignore_errors=True)
