"""A repository of the hub: revisions, commits and files, with the ids that the hub gives them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

LFS_BYTES = 10 * 2**20
"""Files of this size or more are stored by LFS, as the hub demands."""

LFS_SUFFIXES = (".bin", ".gguf", ".parquet", ".safetensors")
KINDS = ("model", "dataset", "space")


class UnknownRevisionError(LookupError):
    """The repository has no such branch, tag, pull request or commit."""


@dataclass(frozen=True)
class HubFile:
    """One file of a commit.

    Attributes:
        path: in the repository.
        content: its bytes.
        is_lfs: whether LFS or Xet stores it, so that the content delivery network serves it.
    """

    path: str
    content: bytes = field(repr=False)
    is_lfs: bool

    @property
    def size(self) -> int:
        """In bytes, of the content."""
        return len(self.content)

    @cached_property
    def sha256(self) -> str:
        """Of the content, in hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def pointer(self) -> bytes:
        """The text that git stores for a file of LFS."""
        lines = ("version https://git-lfs.github.com/spec/v1", f"oid sha256:{self.sha256}")
        return "\n".join((*lines, f"size {self.size}", "")).encode()

    @cached_property
    def git_id(self) -> str:
        """The SHA-1 that git gives the file: of its pointer if LFS stores it."""
        return git_sha1(self.pointer if self.is_lfs else self.content)

    @property
    def blob_id(self) -> str:
        """The file's ETag, and its name in a cache: SHA-256 for LFS, git's SHA-1 for others."""
        return self.sha256 if self.is_lfs else self.git_id

    @property
    def xet_hash(self) -> str:
        """A stand-in for Xet's own hash of the content: 64 hexadecimal digits."""
        return hashlib.sha256(b"xet\0" + self.sha256.encode()).hexdigest()


@dataclass
class Repository:
    """One repository, whose settings a test may change while the hub serves it.

    Attributes:
        id: `ORG/NAME`, or `NAME` alone.
        kind: model, dataset or space.
        revisions: branches, tags and `refs/pr/N`, with their commits.
        gated: a token reads it only if it is among `readers`; its list is open to all.
        private: it does not exist for tokens that are not among `readers`.
        readers: tokens that may read a gated or private repository.
        missing: paths that lists name, and that cannot be read.
        has_xet: whether large files name their Xet hash, as they do on the hub.
    """

    id: str
    kind: str = "model"
    revisions: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    private: bool = False
    readers: set[str] = field(default_factory=set, repr=False)
    missing: set[str] = field(default_factory=set)
    has_xet: bool = True
    _commits: dict[str, dict[str, HubFile]] = field(default_factory=dict, repr=False)

    def commit(self, revision: str, files: Mapping[str, bytes]) -> str:
        """Has a branch or tag name these files; returns the id of the commit.

        The same files of the same repository have the same commit.
        """
        made = {
            path: HubFile(path, content, stored_by_lfs(path, content))
            for path, content in sorted(files.items())
        }
        lines = (f"{each.git_id} {path}\n" for path, each in made.items())
        commit = hashlib.sha1("".join((f"{self.kind} {self.id}\n", *lines)).encode()).hexdigest()
        self._commits[commit] = made
        self.revisions[revision] = commit
        return commit

    def resolve(self, revision: str) -> str:
        """The commit of a branch, a tag, a pull request, or a commit's own id.

        Raises:
            UnknownRevisionError: there is none.
        """
        if revision in self.revisions:
            return self.revisions[revision]
        if revision in self._commits:
            return revision
        raise UnknownRevisionError(revision)

    def files(self, revision: str = "main") -> dict[str, HubFile]:
        """The files of a revision by path, sorted.

        Raises:
            UnknownRevisionError: there is none.
        """
        return self._commits[self.resolve(revision)]


def stored_by_lfs(path: str, content: bytes) -> bool:
    """Whether LFS stores a file: by its name, or because it is large."""
    return path.endswith(LFS_SUFFIXES) or len(content) >= LFS_BYTES


def git_sha1(content: bytes) -> str:
    """The id that git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
