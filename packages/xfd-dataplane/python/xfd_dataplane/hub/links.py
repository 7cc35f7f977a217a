"""What a snapshot is in a hub cache: its links, its ref and its list of files. Pure.

Paths are relative to the cache. Names come from a hub and are untrusted: none of them leads out of
its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from xfd_api.errors import DestinationConflictError, UnsafePathError
from xfd_api.hub_files import HubFile, HubSnapshot
from xfd_api.paths import checked_segments, has_long_name

TREE_FORMAT: Final = 1
"""The format of `trees/COMMIT.json`, as huggingface_hub 1 and 2 write and read it."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_BLOB_ID = re.compile(r"[0-9A-Za-z][\w.-]*", re.ASCII)
_REPO_FOLDER = re.compile(r"[a-z]+s--[\w.-]+", re.ASCII)
_XET_HASH = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Link:
    """A link `path` with the text `target`, which leads to `blob`."""

    path: str
    target: str
    blob: str


@dataclass(frozen=True, slots=True)
class SmallFile:
    """A file that is written in one step. The list of a commit's files never changes."""

    path: str
    text: str
    kind: Literal["ref", "tree"]


class SnapshotLinks:
    """The links of one snapshot that are still to be made.

    Args:
        snapshot: as the hub described it.

    Raises:
        UnsafePathError: a name would lead out of its place.
        DestinationConflictError: one file is the folder of another.

    Example:
        >>> file = HubFile("config.json", "a" * 40, 2, "a" * 40)
        >>> links = SnapshotLinks(HubSnapshot("models--org--bert", "c" * 40, "main", (file,)))
        >>> [link.target for link in links.of_blob("a" * 40)] == ["../../blobs/" + "a" * 40]
        True
    """

    def __init__(self, snapshot: HubSnapshot) -> None:
        check(snapshot)
        self.snapshot = snapshot
        self._missing: dict[str, list[Link]] = {}
        for file in snapshot.files:
            self._missing.setdefault(file.blob_id, []).append(link_of(snapshot, file))

    @property
    def blobs(self) -> tuple[str, ...]:
        """The blobs whose links are still to be made."""
        return tuple(self._missing)

    @property
    def is_linked(self) -> bool:
        """Whether all links are made."""
        return not self._missing

    def of_blob(self, blob_id: str) -> tuple[Link, ...]:
        """The links of a blob that has landed; none if they are made."""
        return tuple(self._missing.get(blob_id, ()))

    def made(self, blob_id: str) -> None:
        """The links of this blob are made."""
        self._missing.pop(blob_id, None)


def check(snapshot: HubSnapshot) -> None:
    """Checks the names of a snapshot.

    Raises:
        UnsafePathError: a name would lead out of its place.
        DestinationConflictError: one file is the folder of another.
    """
    for name, form in (
        (snapshot.repo_folder, _REPO_FOLDER),
        (snapshot.commit, _COMMIT),
        *((file.blob_id, _BLOB_ID) for file in snapshot.files),
    ):
        if not form.fullmatch(name):
            raise UnsafePathError("The hub gave a name that cannot be in its cache", object=name)
    if snapshot.revision is not None:
        _segments(snapshot.revision, "revision")
    paths = {_segments(file.path, "file's path"): file.path for file in snapshot.files}
    for segments, path in paths.items():
        for length in range(1, len(segments)):
            if segments[:length] in paths:
                raise DestinationConflictError(
                    "The repository has a file where this one needs a folder",
                    object=path,
                    remedy="Leave one of them out with include or exclude",
                )


def _segments(path: str, what: str) -> tuple[str, ...]:
    segments = checked_segments(path, what=what)
    if has_long_name(segments):
        raise UnsafePathError(f"A name in the {what} is too long for a file system", object=path)
    return segments


def link_of(snapshot: HubSnapshot, file: HubFile) -> Link:
    """The link from a path of the snapshot to its blob."""
    up = "../" * (file.path.count("/") + 2)
    return Link(
        path=f"{snapshot.repo_folder}/snapshots/{snapshot.commit}/{file.path}",
        target=f"{up}blobs/{file.blob_id}",
        blob=f"{snapshot.repo_folder}/blobs/{file.blob_id}",
    )


def last_files(snapshot: HubSnapshot) -> tuple[SmallFile, ...]:
    """What is written once all links are made: the ref, then the list of a whole commit's files."""
    files = []
    if snapshot.revision not in (None, snapshot.commit):
        path = f"{snapshot.repo_folder}/refs/{snapshot.revision}"
        files.append(SmallFile(path, snapshot.commit, "ref"))
    text = tree_text(snapshot.files) if snapshot.is_whole else None
    if text is not None:
        path = f"{snapshot.repo_folder}/trees/{snapshot.commit}.json"
        files.append(SmallFile(path, text, "tree"))
    return tuple(files)


def tree_text(files: Iterable[HubFile]) -> str | None:
    """The list of a commit's files as huggingface_hub writes it.

    Returns:
        JSON; None if a Xet hash is malformed, as huggingface_hub writes no list then.
    """
    listed = {}
    for file in sorted(files, key=lambda file: file.path):
        if file.xet_hash is not None and not _XET_HASH.fullmatch(file.xet_hash):
            return None
        info: dict[str, str | int] = {"size": file.size, "blob_id": file.git_id}
        if file.is_lfs:
            info |= {"lfs_sha256": file.blob_id, "lfs_size": file.size}
        if file.xet_hash is not None:
            info["xet_hash"] = file.xet_hash
        listed[file.path] = info
    return json.dumps({"format_version": TREE_FORMAT, "files": listed}, indent=1)
