"""Answers for a hub that is not to be asked (`HF_HUB_OFFLINE`), from the hub cache of this node.

`huggingface_hub` keeps the list of a commit's files in `trees/COMMIT.json`, and xfd writes it too.
So files that one node has reach the other nodes without a hub.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xfd_api.errors import HubOfflineError, ObjectNotFoundError
from xfd_api.hub_repos import HubRepo
from xfd_api.json_text import parsed

FORMAT = 1
"""The only `format_version` of a list that is known."""

_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_TRUE = frozenset({"1", "ON", "YES", "TRUE"})


def is_offline() -> bool:
    """Whether the environment of this process forbids to ask the hub."""
    first = next(filter(None, map(os.environ.get, _VARIABLES)), "")
    return first.upper() in _TRUE


class CachedHub:
    """What a hub cache knows of one repository; it answers as a `HubClient` does.

    Args:
        cache: the hub cache.
        repo: the repository.
    """

    def __init__(self, cache: Path, repo: HubRepo) -> None:
        self.repo = repo
        self._folder = cache / repo.folder

    def information(self) -> Mapping[str, Any]:
        """The commit of the revision.

        Raises:
            HubOfflineError: the cache does not know it.
        """
        if self.repo.ref is None:
            return {"sha": self.repo.revision}
        ref = self._folder / "refs" / self.repo.ref
        try:
            return {"sha": ref.read_text("utf-8").strip()}
        except (OSError, UnicodeDecodeError):
            raise self._unknown(f"does not know the revision {self.repo.revision!r}") from None

    def check_access(self) -> None:
        """Files of the cache belong to this user."""

    def tree(self, commit: str, folder: str) -> Iterator[Mapping[str, Any]]:
        """All files below a folder.

        Raises:
            HubOfflineError: the cache has no list of the commit's files.
        """
        below = f"{folder}/" if folder else ""
        return (each for each in self._list(commit) if each["path"].startswith(below))

    def named(self, commit: str, path: str) -> list[Mapping[str, Any]]:
        """The file of a path.

        Raises:
            HubOfflineError: the cache has no list of the commit's files.
            ObjectNotFoundError: the path is a folder.
        """
        if any(self.tree(commit, path)):
            raise ObjectNotFoundError(
                "It is a folder of the repository, and no file",
                object=self.repo.uri(path),
                remedy=f"Request it as a prefix: {path}/",
            )
        return [each for each in self._list(commit) if each["path"] == path]

    def _list(self, commit: str) -> list[Mapping[str, Any]]:
        try:
            document = parsed((self._folder / "trees" / f"{commit}.json").read_text("utf-8"))
            if document["format_version"] != FORMAT:
                raise ValueError
            return [_entry(path, about) for path, about in document["files"].items()]
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            raise self._unknown(f"has no list of the files of commit {commit}") from None

    def _unknown(self, what: str) -> HubOfflineError:
        return HubOfflineError(
            f"HF_HUB_OFFLINE forbids to ask the hub, and its cache here {what}",
            object=self.repo.repo_id,
            path=str(self._folder),
        )


def _entry(path: str, about: Mapping[str, Any]) -> Mapping[str, Any]:
    """One file in the form in which the hub lists it."""
    entry = {"type": "file", "path": path, "size": about["size"], "oid": about["blob_id"]}
    if about.get("lfs_sha256"):
        entry["lfs"] = {"oid": about["lfs_sha256"], "size": about["lfs_size"]}
    return {**entry, "xetHash": about.get("xet_hash")}
