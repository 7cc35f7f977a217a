"""Where files of a hub land in its cache, and the snapshots that link to them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from xfd_api.chunks import FoundObject
from xfd_api.errors import OriginAnswerError
from xfd_api.hub_files import HubFile, HubSnapshot
from xfd_api.hub_repos import repo_named
from xfd_api.lookups import Lookup
from xfd_api.paths import HUB_CACHE, is_in_hub_cache


def blob_destination(repo_folder: str, answer: FoundObject) -> str:
    """The destination of a file's content.

    Args:
        repo_folder: the repository's folder, as `Lookup.destination` has it.
        answer: the file.

    Raises:
        OriginAnswerError: the origin gave no name for the content.
    """
    return f"{repo_folder}/blobs/{_hub_file(answer).blob_id}"


def snapshots_of(
    lookups: Sequence[Lookup], found: Sequence[Sequence[FoundObject]]
) -> tuple[HubSnapshot, ...]:
    """The snapshots of all lookups in the hub cache; lookups of one revision share one.

    Args:
        lookups: all lookups.
        found: what each of them found and does not leave out.

    Raises:
        OriginAnswerError: the origin did not say which commit a file is of.
    """
    snapshots: dict[tuple[str, str, str | None], tuple[dict[str, HubFile], bool]] = {}
    for lookup, answers in zip(lookups, found, strict=True):
        if lookup.bucket is None or not is_in_hub_cache(lookup.destination):
            continue
        folder = lookup.destination.removeprefix(HUB_CACHE)
        revision = repo_named(lookup.bucket).ref
        is_whole = not lookup.key and not lookup.include and not lookup.exclude
        for answer in answers:
            key = (folder, _commit(answer), revision)
            files, was_whole = snapshots.get(key, ({}, False))
            files[answer.key] = _hub_file(answer)
            snapshots[key] = (files, was_whole or is_whole)
    return tuple(
        HubSnapshot(folder, commit, revision, tuple(files.values()), is_whole)
        for (folder, commit, revision), (files, is_whole) in snapshots.items()
    )


def _hub_file(answer: FoundObject) -> HubFile:
    if answer.hub_file is None:
        raise OriginAnswerError("The hub gave no name for the file's content", object=answer.key)
    return answer.hub_file


def _commit(answer: FoundObject) -> str:
    commit, slash, _ = (answer.location or "").partition("/")
    if not slash:
        raise OriginAnswerError("The hub did not name the file's commit", object=answer.key)
    return commit
