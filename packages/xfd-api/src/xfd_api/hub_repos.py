"""Names of repositories on a Hugging Face hub: in uris, in lookups and in the hub cache. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args
from urllib.parse import quote, unquote

from xfd_api.errors import InvalidRequestError

DEFAULT_REVISION = "main"
RepoType = Literal["model", "dataset", "space"]
REPO_TYPES = get_args(RepoType)
FORM = "hf://ORG/NAME[@REVISION][/PATH], hf://datasets/ORG/NAME... or hf://spaces/ORG/NAME..."

_REPO_ID = re.compile(r"(?:[A-Za-z0-9_][\w.-]{0,95}/)?[A-Za-z0-9_][\w.-]{0,95}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REF_WITH_SLASHES = re.compile(r"refs/(?:convert/[\w.-]+|pr/\d+)(?=/|\Z)")
"""Revisions that a uri may have with their slashes; in others a slash is written %2F."""


@dataclass(frozen=True, slots=True)
class HubRepo:
    """A repository at a revision.

    Attributes:
        repo_type: "model", "dataset" or "space".
        repo_id: `ORG/NAME`, or `NAME` for some old models.
        revision: a branch, a tag or a commit.

    Raises:
        InvalidRequestError: one of them cannot be.

    Example:
        >>> HubRepo("dataset", "org/books", "v1.0").name
        'datasets/org/books@v1.0'
        >>> HubRepo("dataset", "org/books").folder
        'datasets--org--books'
    """

    repo_type: RepoType
    repo_id: str
    revision: str = DEFAULT_REVISION

    def __post_init__(self) -> None:
        if not isinstance(self.repo_id, str) or not isinstance(self.revision, str):
            raise InvalidRequestError(
                f"The repository is {self.repo_id!r} at {self.revision!r}",
                remedy="Give both as strings",
            )
        if self.repo_type not in REPO_TYPES:
            raise InvalidRequestError(
                f"repo_type is {self.repo_type!r}",
                remedy=f"Give one of {', '.join(map(repr, REPO_TYPES))}",
            )
        if not _REPO_ID.fullmatch(self.repo_id) or re.search(r"--|\.\.|\.git\Z", self.repo_id):
            raise InvalidRequestError(
                "This is no name of a repository",
                object=self.repo_id,
                remedy="Write ORG/NAME, of letters, digits, -, _ and .",
            )
        segments = self.revision.split("/")
        if not re.fullmatch(r"[^\x00-\x20\x7f]+", self.revision) or not all(
            segment.strip(".") for segment in segments
        ):
            raise InvalidRequestError(
                f"revision is {self.revision!r}",
                object=self.repo_id,
                remedy="Give a branch, a tag or a commit; None for main",
            )

    @property
    def name(self) -> str:
        """The repository as `Lookup.bucket` has it; the default revision is left out."""
        name = f"{self.repo_type}s/{self.repo_id}"
        return name if self.revision == DEFAULT_REVISION else f"{name}@{self.revision}"

    @property
    def folder(self) -> str:
        """The repository's folder in a hub cache."""
        return "--".join((f"{self.repo_type}s", *self.repo_id.split("/")))

    def uri(self, path: str = "") -> str:
        """The uri of a path in the repository."""
        revision = self.revision
        if not _REF_WITH_SLASHES.fullmatch(revision):
            revision = quote(revision, safe="")
        mark = "" if self.revision == DEFAULT_REVISION else f"@{revision}"
        return f"hf://{self.repo_type}s/{self.repo_id}{mark}" + (f"/{path}" if path else "")

    @property
    def ref(self) -> str | None:
        """The name of the revision in the cache's `refs`; None for a commit, which needs none."""
        return None if _COMMIT.fullmatch(self.revision) else self.revision


def repo_named(name: str) -> HubRepo:
    """The inverse of `HubRepo.name`."""
    plural, _, rest = name.partition("/")
    repo_id, _, revision = rest.partition("@")
    repo_type = cast("RepoType", plural.removesuffix("s"))
    return HubRepo(repo_type, repo_id, revision or DEFAULT_REVISION)


def parse_hub_uri(uri: str) -> tuple[HubRepo, str]:
    """The repository that an `hf://` uri names, and the path in it.

    Raises:
        InvalidRequestError: it has another form, or names something else, such as a bucket.

    Example:
        >>> parse_hub_uri("hf://org/bert@v1.0/onnx/model.onnx")
        (HubRepo(repo_type='model', repo_id='org/bert', revision='v1.0'), 'onnx/model.onnx')
    """
    rest = uri.partition("://")[2]
    first, slash, below = rest.partition("/")
    repo_type: RepoType = "model"
    if slash and first in ("models", "datasets", "spaces"):
        repo_type, rest = cast("RepoType", first.removesuffix("s")), below
    elif first in (*REPO_TYPES, "buckets", "kernels"):
        raise InvalidRequestError(
            f"A uri of the hub cannot begin with {first}/", object=uri, remedy=f"Write {FORM}"
        )
    org, _, rest = rest.partition("/")
    # An @ in a file's name is no mark of a revision.
    name, slash, path = rest.partition("/")
    name, mark, revision = name.partition("@")
    if mark:
        rest = f"{revision}{slash}{path}"
        ref = _REF_WITH_SLASHES.match(rest)
        revision, _, path = rest.partition("/")
        if ref is not None:
            revision, path = ref[0], rest[ref.end() :].removeprefix("/")
    else:
        revision = DEFAULT_REVISION
    if (org and not name) or "@" in org:
        raise InvalidRequestError(
            "The uri names no owner of the repository",
            object=uri,
            remedy=f"Write {FORM}; HubDownloadRequest takes an old model's name alone",
        )
    if not org or not name or not revision:
        raise InvalidRequestError("The uri names no repository", object=uri, remedy=f"Write {FORM}")
    return HubRepo(repo_type, f"{org}/{name}", unquote(revision)), path
