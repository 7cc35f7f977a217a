"""What the hub's interface says of a repository, as JSON values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from xfd_testing.hub.repository import HubFile, Repository

Json = dict[str, object]


def information(repository: Repository, revision: str, *, with_files: bool) -> Json:
    """Of a repository at a revision; `with_files` adds size and ids to its list of files."""
    return {
        "_id": repository.resolve(revision)[:24],
        "id": repository.id,
        "sha": repository.resolve(revision),
        "private": repository.private,
        "gated": "manual" if repository.gated else False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "siblings": [
            {"rfilename": each.path, **(_sibling(each) if with_files else {})}
            for each in repository.files(revision).values()
        ],
    }


def tree(repository: Repository, revision: str, folder: str, *, recursive: bool) -> list[Json]:
    """Files and folders below a folder, `""` for all, in the order of their paths."""
    prefix = f"{folder}/" if folder else ""
    files = [each for path, each in repository.files(revision).items() if path.startswith(prefix)]
    entries = {each.path: file_entry(repository, each) for each in files}
    for each in files:
        for parent in PurePosixPath(each.path).parents:
            if len(str(parent)) > len(folder) and str(parent) != ".":
                entries[str(parent)] = {"type": "directory", "path": str(parent), "size": 0}
                entries[str(parent)]["oid"] = each.git_id
    depth = len(PurePosixPath(folder).parts) + 1
    return [
        entry
        for path, entry in sorted(entries.items())
        if recursive or len(PurePosixPath(path).parts) == depth
    ]


def named(repository: Repository, revision: str, paths: Iterable[str]) -> list[Json]:
    """The entries of these paths, without those that are not there."""
    every = {entry["path"]: entry for entry in tree(repository, revision, "", recursive=True)}
    return [every[path] for path in paths if path in every]


def references(repository: Repository) -> Json:
    """Branches, tags and pull requests."""
    return {
        "branches": list(_references(repository, "refs/heads/")),
        "tags": list(_references(repository, "refs/tags/")),
        "pullRequests": list(_references(repository, "refs/pr/")),
        "converts": [],
    }


def file_entry(repository: Repository, file: HubFile) -> Json:
    """One file as a list names it."""
    entry: Json = {"type": "file", "oid": file.git_id, "size": file.size, "path": file.path}
    if file.is_lfs:
        pointer = len(file.pointer)
        entry["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": pointer}
        if repository.has_xet:
            entry["xetHash"] = file.xet_hash
    return entry


def _sibling(file: HubFile) -> Json:
    more: Json = {"size": file.size, "blobId": file.git_id}
    if file.is_lfs:
        pointer = len(file.pointer)
        more["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": pointer}
    return more


def _references(repository: Repository, prefix: str) -> Iterator[Json]:
    """A revision is a branch if it is main, a pull request by its name, and else a tag."""
    for name, commit in sorted(repository.revisions.items()):
        place = name if name.startswith("refs/") else None
        place = place or ("refs/heads/" if name == "main" else "refs/tags/") + name
        if place.startswith(prefix):
            yield {"name": name, "ref": place, "targetCommit": commit}
