"""Turns a source and a destination of the command line into requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xfd_api.chunks import FoundObject
from xfd_api.errors import InvalidRequestError
from xfd_api.paths import checked_segments
from xfd_api.requests import (
    DownloadRequest,
    Links,
    ObjectDownloadRequest,
    PrefixDownloadRequest,
    UnpackMethod,
    UnpackOptions,
)
from xfd_dataplane.cli.sources import Source, absolute
from xfd_dataplane.patterns import literal_folder

_ARCHIVE_ENDINGS = (".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar", ".zip", ".gz")


@dataclass(frozen=True, slots=True)
class Unpacking:
    """The options of `--unpack`; an empty folder is chosen by the archive's name."""

    folder: str
    keep_archive: bool
    method: UnpackMethod = UnpackMethod.Auto
    links: Links = Links.Safe


def object_name(key: str) -> str:
    """The file name that a key ends with."""
    name = key.rpartition("/")[2]
    if not name:
        raise InvalidRequestError(
            "The source names no file", object=key, remedy="Name a file as the destination"
        )
    return name


def request_for(
    source: Source,
    destination: str | None,
    *,
    cache: bool = True,
    unpacking: Unpacking | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    sha256: str | None = None,
    md5: str | None = None,
) -> DownloadRequest:
    """The request for an object or a prefix; for a pattern see `requests_for_matches`.

    Args:
        source: what to fetch.
        destination: where to; None is the hub cache for a hub, else the working directory.
        cache: whether valid files are kept.
        unpacking: the options of `--unpack`.
        include: patterns of keys below a prefix.
        exclude: such patterns.
        sha256: the checksum of the one object.
        md5: the same.

    Raises:
        InvalidRequestError: a prefix is to be unpacked or has a checksum, or patterns are given for
            one object.
    """
    place = source.place(destination)
    if source.is_prefix:
        if sha256 is not None or md5 is not None:
            raise checksum_without_object(source)
        if unpacking is not None:
            raise InvalidRequestError(
                "Only an object can be unpacked", object=source.named, remedy="Drop --unpack"
            )
        return DownloadRequest(
            PrefixDownloadRequest(
                source.uri(source.key),
                place,
                cache=cache,
                include=tuple(include),
                exclude=tuple(exclude),
            )
        )
    if include or exclude:
        raise patterns_without_prefix(source)
    if place is not None and ((destination or "").endswith("/") or _is_folder(place)):
        place /= object_name(source.key)
    request = _object_request(source, source.key, place, cache, unpacking)
    return DownloadRequest(replace(request, sha256=sha256, md5=md5))


def checksum_without_object(source: Source) -> InvalidRequestError:
    """The error of `--sha256` or `--md5` with a source that is not one object."""
    return InvalidRequestError(
        "--sha256 and --md5 go with one object", object=source.named, remedy="Name one object"
    )


def patterns_without_prefix(source: Source) -> InvalidRequestError:
    """The error of `--include` or `--exclude` with a source that is no prefix."""
    return InvalidRequestError(
        "--include and --exclude go with a prefix, which ends in a slash",
        object=source.named,
        remedy="End the source in a slash, or drop these options",
    )


def requests_for_matches(
    source: Source,
    matches: list[FoundObject],
    destination: str | None,
    *,
    cache: bool = True,
    unpacking: Unpacking | None = None,
) -> list[DownloadRequest]:
    """A request for each object that the pattern matches.

    They land in a tree below the destination that starts at the first wildcard. Each archive is
    unpacked into a folder of its own.
    """
    folder = literal_folder(source.key)
    requests = []
    for match in matches:
        below = match.key[len(folder) :].lstrip("/") if folder else match.key
        segments = checked_segments(below, what="key")
        place = source.place(destination)
        if place is not None:
            place = place.joinpath(*segments)
        each = unpacking
        if each is not None and each.folder:
            each = replace(each, folder=f"{each.folder}/{_stem(segments[-1])}")
        requests.append(DownloadRequest(_object_request(source, match.key, place, cache, each)))
    return requests


def _is_folder(place: Path) -> bool:
    try:
        return place.is_dir()
    except OSError:  # For example a name that is too long, which the request refuses.
        return False


def _object_request(
    source: Source, key: str, place: Path | None, cache: bool, unpacking: Unpacking | None
) -> ObjectDownloadRequest:
    options = None
    if unpacking is not None:
        archive = absolute(object_name(key)) if place is None else place
        options = UnpackOptions(
            destination=_tree(archive, unpacking.folder),
            unpack_method=unpacking.method,
            keep_archive=unpacking.keep_archive,
            links=unpacking.links,
        )
    return ObjectDownloadRequest(source.uri(key), place, cache=cache, unpack_options=options)


def _tree(archive: Path, folder: str) -> Path:
    """The folder to unpack into: the given one, else the archive's name without its extension."""
    if folder:
        return absolute(folder)
    return archive.with_name(_stem(archive.name))


def _stem(name: str) -> str:
    """An archive's name without its extension; never the name itself."""
    for ending in _ARCHIVE_ENDINGS:
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return name + ".unpacked"
