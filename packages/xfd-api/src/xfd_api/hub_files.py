"""What lands in a node's hub cache, in the layout of `huggingface_hub`.

A repository is a folder there, such as `models--ORG--NAME`. A file's content is
`blobs/BLOB_ID`, and `snapshots/COMMIT/PATH` links to it. The catalog has an object per blob, and a
`HubSnapshot` with the links.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class HubFile(NamedTuple):
    """One file of a repository at one commit.

    Attributes:
        path: its path in the repository.
        blob_id: the name of its content in the cache. It is the SHA-256 of an LFS or Xet file,
            and git's SHA-1 of another file.
        size: in bytes.
        git_id: git's SHA-1 of what the repository has under this path. For an LFS or Xet file that
            is a pointer.
        xet_hash: the hub's Xet hash of the content, if it has one.
    """

    path: str
    blob_id: str
    size: int
    git_id: str
    xet_hash: str | None = None

    @property
    def is_lfs(self) -> bool:
        """Whether the repository has a pointer to the content."""
        return len(self.blob_id) == SHA256_DIGITS


SHA256_DIGITS = 64
"""Length of a SHA-256 in hexadecimal; git's SHA-1 has 40 digits."""


@dataclass(frozen=True, slots=True)
class HubSnapshot:
    """Files of one commit, to be linked once their blobs are there.

    Attributes:
        repo_folder: the repository's folder in the cache, such as `models--ORG--NAME`.
        commit: the commit's full hash.
        revision: the branch or tag that was asked for, whose ref is written; None if a commit was.
        files: the files that were asked for.
        is_whole: whether `files` are all files of the commit.

    Example:
        >>> file = HubFile("config.json", "a" * 40, 2, "a" * 40)
        >>> HubSnapshot("models--org--bert", "c" * 40, "main", (file,)).files[0].is_lfs
        False
    """

    repo_folder: str
    commit: str
    revision: str | None
    files: tuple[HubFile, ...]
    is_whole: bool = False
