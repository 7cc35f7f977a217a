"""Finds files of repositories on a hub.

A revision is resolved once, and everything is listed at its commit. So a branch that moves
meanwhile gives no mixture of two commits.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from xfd_api.chunks import Checksum, FoundObject
from xfd_api.errors import ObjectNotFoundError, OriginAnswerError
from xfd_api.hub_files import SHA256_DIGITS, HubFile
from xfd_api.hub_repos import HubRepo, repo_named
from xfd_api.lookups import Lookup
from xfd_api.paths import hub_cache
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane.hub.client import HubClient
from xfd_dataplane.hub.offline import CachedHub, is_offline

_GIT_ID = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(rf"[0-9a-f]{{{SHA256_DIGITS}}}")


def find_at_hub(
    lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile
) -> list[list[FoundObject]]:
    """The files that each lookup finds, in the order of their paths; [] for an empty folder.

    Args:
        lookups: of repositories, or of files or folders in them.
        stores: the hub that each lookup's profile names.

    Raises:
        MissingPackageError: huggingface_hub is not installed here.
        ObjectNotFoundError: there is no such repository, revision or file, or the repository is
            private.
        AccessDeniedError: the repository is gated or disabled, or the hub refuses the token.
        OriginThrottledError: the hub asks to wait longer than a window of its rate limit lasts.
        OriginUnreachableError, OriginTimeoutError: the hub does not answer, or is not to be asked
            (`HF_HUB_OFFLINE`) and this node's hub cache does not know the revision.
        OriginAnswerError: the hub's answer breaks its protocol.
    """
    commits: dict[tuple[ObjectStoreConfig, str | None], _Commit] = {}
    found = []
    for lookup in lookups:
        place = (stores.of(lookup.profile_name), lookup.bucket)
        if place not in commits:
            commits[place] = _Commit(_hub(place[0], repo_named(lookup.bucket or "")))
        found.append(commits[place].files_of(lookup))
    return found


def _hub(store: ObjectStoreConfig, repo: HubRepo) -> HubClient | CachedHub:
    return CachedHub(hub_cache(), repo) if is_offline() else HubClient(store, repo)


class _Commit:
    """A repository at the commit of a revision."""

    def __init__(self, client: HubClient | CachedHub) -> None:
        self._client = client
        about = client.information()
        self._id = _checked(_GIT_ID, about.get("sha"), "commit", client.repo.repo_id)
        if about.get("gated"):
            # The list of a gated repository is open to all. A mirror may not know this question;
            # then the first file tells.
            with contextlib.suppress(OriginAnswerError):
                client.check_access()

    def files_of(self, lookup: Lookup) -> list[FoundObject]:
        """What a lookup finds."""
        if lookup.is_prefix:
            entries = list(self._client.tree(self._id, lookup.key))
        else:
            entries = self._client.named(self._id, lookup.key)
        files = [each for each in entries if each.get("type") == "file"]
        found = sorted(map(self._found, files), key=lambda each: each.key)
        if lookup.is_prefix:
            return found
        found = [each for each in found if each.key == lookup.key]
        if not found:
            raise ObjectNotFoundError(
                "The repository has no such file"
                if not entries
                else "It is a folder of the repository, and no file",
                object=self._client.repo.uri(lookup.key),
                remedy=f"Check the path and the revision; a folder is a prefix: {lookup.key}/",
            )
        return found

    def _found(self, entry: Mapping[str, Any]) -> FoundObject:
        path, lfs = str(entry.get("path", "")), entry.get("lfs")
        size = (lfs or entry).get("size")
        git_id = blob_id = _checked(_GIT_ID, entry.get("oid"), "blob id", path)
        if lfs:
            blob_id = _checked(_SHA256, lfs.get("oid"), "SHA-256", path)
        if not isinstance(size, int):
            raise OriginAnswerError("The hub gives no size", object=path)
        return FoundObject(
            key=path,
            size=size,
            etag=f'"{blob_id}"',
            checksum=Checksum("sha256" if lfs else "git-sha1", blob_id),
            location=f"{self._id}/{path}",
            hub_file=HubFile(path, blob_id, size, git_id, entry.get("xetHash")),
        )


def _checked(form: re.Pattern[str], value: object, what: str, of: str) -> str:
    """A name that the hub gives, which becomes the name of a file."""
    if not isinstance(value, str) or not form.fullmatch(value):
        raise OriginAnswerError(f"The hub gave {value!r} as a {what}", object=of)
    return value
