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
from xfd_dataplane.cli.places import THIS_HOST, Places
from xfd_dataplane.cli.sources import Source
from xfd_dataplane.patterns import literal_folder

_ARCHIVE_ENDINGS = (".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar", ".zip", ".gz")


@dataclass(frozen=True, slots=True)
class Unpacking:
    """The options of `--unpack`.

    Attributes:
        folder: the folder to unpack into; empty to choose one by the archive's name.
        keep_archive: see `UnpackOptions`.
        method: see `UnpackOptions`.
        links: see `UnpackOptions`.
        conda_unpack: see `UnpackOptions`.
        several: whether there are several archives, each of which gets a folder in `folder`.
    """

    folder: str
    keep_archive: bool
    method: UnpackMethod = UnpackMethod.Auto
    links: Links = Links.Safe
    conda_unpack: bool = False
    several: bool = False


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
    checksum: str | None = None,
    into: bool = False,
    places: Places = THIS_HOST,
) -> DownloadRequest:
    """The request for an object or a prefix; for a pattern see `requests_for_matches`.

    Args:
        source: what to fetch.
        destination: where to; None is the hub cache for a hub, else the working directory.
        cache: whether valid files are kept.
        unpacking: the options of `--unpack`.
        include: patterns of keys below a prefix.
        exclude: such patterns.
        checksum: that of the one object, see `ObjectDownloadRequest`.
        into: whether the destination is a folder that gets the source under its own name.
        places: where destinations lie.

    Raises:
        InvalidRequestError: a prefix is to be unpacked or has a checksum, or patterns are given for
            one object.
    """
    place = _place(source, destination, places)
    if source.is_prefix:
        if checksum is not None:
            raise checksum_without_object(source)
        if unpacking is not None:
            raise InvalidRequestError(
                "Only an object can be unpacked", object=source.named, remedy="Drop --unpack"
            )
        if into and place is not None:
            place /= source.folder_name
        return DownloadRequest(
            PrefixDownloadRequest(
                source.uri(source.key),
                place,
                cache=cache,
                profile_name=source.profile,
                include=tuple(include),
                exclude=tuple(exclude),
            )
        )
    if include or exclude:
        raise patterns_without_prefix(source)
    is_folder = into or (destination or "").endswith("/")
    if place is not None and (is_folder or places.is_folder(place)):
        place /= object_name(source.key)
    request = _object_request(source, source.key, place, cache, unpacking, places)
    return DownloadRequest(replace(request, checksum=checksum))


def checksum_without_object(source: Source) -> InvalidRequestError:
    """The error of `--checksum` with a source that is not one object."""
    return InvalidRequestError(
        "A checksum goes with one object", object=source.named, remedy="Name one object"
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
    places: Places = THIS_HOST,
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
        place = _place(source, destination, places)
        if place is not None:
            place = place.joinpath(*segments)
        each = None if unpacking is None else replace(unpacking, several=True)
        request = _object_request(source, match.key, place, cache, each, places)
        requests.append(DownloadRequest(request))
    return requests


def _place(source: Source, destination: str | None, places: Places) -> Path | None:
    """Where a source lands; None is the hub cache."""
    if destination is None and source.is_at_hub:
        return None
    return places.path(destination or ".")


def _object_request(
    source: Source,
    key: str,
    place: Path | None,
    cache: bool,
    unpacking: Unpacking | None,
    places: Places,
) -> ObjectDownloadRequest:
    options = None
    if unpacking is not None:
        archive = places.path(object_name(key)) if place is None else place
        options = UnpackOptions(
            destination=_tree(archive, unpacking, places),
            unpack_method=unpacking.method,
            keep_archive=unpacking.keep_archive,
            links=unpacking.links,
            conda_unpack=unpacking.conda_unpack,
        )
    return ObjectDownloadRequest(
        source.uri(key),
        place,
        cache=cache,
        unpack_options=options,
        profile_name=source.profile,
    )


def _tree(archive: Path, unpacking: Unpacking, places: Places) -> Path:
    """The folder to unpack into: the given one, else the archive's name without its extension."""
    if not unpacking.folder:
        return archive.with_name(_stem(archive.name))
    folder = places.path(unpacking.folder)
    return folder / _stem(archive.name) if unpacking.several else folder


def _stem(name: str) -> str:
    """An archive's name without its extension; never the name itself."""
    for ending in _ARCHIVE_ENDINGS:
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return name + ".unpacked"
