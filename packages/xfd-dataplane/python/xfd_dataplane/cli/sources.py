"""Turns sources and destinations of the command line into stores and requests."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

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
from xfd_api.stores import ObjectStoreConfig
from xfd_api.uris import split_bucket
from xfd_dataplane.patterns import has_wildcard, literal_folder

_ARCHIVE_ENDINGS = (".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar", ".zip", ".gz")


@dataclass(frozen=True, slots=True)
class Source:
    """A store, and in it a key, a prefix or a pattern.

    Attributes:
        config: the store.
        key: a prefix ends in a slash or is empty.
        is_literal: the key looks like a pattern, but the store has something of exactly this name.
    """

    config: ObjectStoreConfig
    key: str
    is_literal: bool = False

    @property
    def is_pattern(self) -> bool:
        """Whether the key is a pattern."""
        return self.config.base_url is None and not self.is_literal and has_wildcard(self.key)

    @property
    def is_prefix(self) -> bool:
        """Whether it names a folder of objects."""
        return not self.is_pattern and (not self.key or self.key.endswith("/"))


@dataclass(frozen=True, slots=True)
class Unpacking:
    """The options of `--unpack`; an empty folder is chosen by the archive's name."""

    folder: str
    keep_archive: bool
    method: UnpackMethod = UnpackMethod.Auto
    links: Links = Links.Safe


def named_source(options: argparse.Namespace) -> Source:
    """The source that the options of a command name.

    Raises:
        InvalidRequestError: it names no store.
    """
    return parse_source(
        options.source,
        endpoint=options.endpoint_url,
        region=options.region,
        anonymous=options.no_sign_request,
        request_payer=options.request_payer,
    )


def parse_source(
    text: str,
    *,
    endpoint: str | None = None,
    region: str | None = None,
    anonymous: bool = False,
    request_payer: str | None = None,
) -> Source:
    """The store and the key that a source names.

    Raises:
        InvalidRequestError: it names no store.
    """
    scheme, mark, rest = text.partition("://")
    if not mark:
        raise InvalidRequestError(
            "The source has no scheme",
            object=text,
            remedy="Write s3://bucket/key, https://host/file or file:///folder/file",
        )
    match scheme.lower():
        case "s3":
            bucket, key = split_bucket(rest)
            config = ObjectStoreConfig.make_for_s3(
                bucket,
                endpoint=endpoint,
                region=region,
                anonymous=anonymous,
                request_payer=request_payer,
            )
            return Source(config, key)
        case "file":
            return _local(rest, text)
        case "http" | "https":
            return _web(text)
        case other:
            raise InvalidRequestError(
                f"xfd knows no {other}:// sources", object=text, remedy="Use s3, https or file"
            )


def _local(rest: str, text: str) -> Source:
    host, _, path = rest.partition("/")
    if host not in ("", "localhost") or not path:
        raise InvalidRequestError(
            "The source names no absolute path", object=text, remedy="Write file:///folder/file"
        )
    path = "/" + _as_on_disk(path)
    folder = literal_folder(path) or "/"
    return Source(ObjectStoreConfig.make_for_local(folder), path[len(folder) :].lstrip("/"))


def _as_on_disk(path: str) -> str:
    """The path of a file:// source: decoded, unless only the undecoded path exists."""
    decoded = unquote(path)
    if not os.path.lexists(f"/{decoded}") and os.path.lexists(f"/{path}"):
        return path
    return decoded


def _web(text: str) -> Source:
    parts = urlsplit(text)
    if not parts.hostname:
        raise InvalidRequestError(
            "The source names no host", object=text, remedy="Write https://host/file"
        )
    # A query may be a signature. As part of the base URL it appears in no key, error or repr.
    query = f"?{parts.query}" if parts.query else ""
    folder, path = "", parts.path.lstrip("/")
    above, _, name = path.rpartition("/")
    if "%2f" in above.lower():
        # An encoded slash belongs to a name. In a key it would separate two names.
        folder, path = f"/{above}", name
    server = f"{parts.scheme}://{parts.netloc}{folder}{query}"
    return Source(ObjectStoreConfig.make_for_http(server), unquote(path))


def absolute(destination: str) -> Path:
    """The destination below the working directory, without `..`."""
    path = Path(destination)
    if path.name in ("", "..", "."):
        return path.resolve()
    return path.parent.resolve() / path.name


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
    destination: str,
    *,
    cache: bool = True,
    unpacking: Unpacking | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> DownloadRequest:
    """The request for an object or a prefix; for a pattern see `requests_for_matches`.

    Raises:
        InvalidRequestError: a prefix is to be unpacked, or patterns are given for one object.
    """
    place = absolute(destination)
    if source.is_prefix:
        if unpacking is not None:
            raise InvalidRequestError(
                "Only an object can be unpacked", object=source.key, remedy="Drop --unpack"
            )
        return DownloadRequest(
            PrefixDownloadRequest(
                source.key, place, cache=cache, include=tuple(include), exclude=tuple(exclude)
            )
        )
    if include or exclude:
        raise patterns_without_prefix(source)
    if destination.endswith("/") or _is_folder(place):
        place /= object_name(source.key)
    return _object_request(source.key, place, cache, unpacking)


def patterns_without_prefix(source: Source) -> InvalidRequestError:
    """The error of `--include` or `--exclude` with a source that is no prefix."""
    return InvalidRequestError(
        "--include and --exclude go with a prefix, which ends in a slash",
        object=source.key,
        remedy="End the source in a slash, or drop these options",
    )


def requests_for_matches(
    source: Source,
    matches: list[FoundObject],
    destination: str,
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
        place = absolute(destination).joinpath(*checked_segments(below, what="key"))
        each = unpacking
        if each is not None and each.folder:
            each = replace(each, folder=f"{each.folder}/{_stem(place.name)}")
        requests.append(_object_request(match.key, place, cache, each))
    return requests


def _is_folder(place: Path) -> bool:
    try:
        return place.is_dir()
    except OSError:  # For example a name that is too long, which the request refuses.
        return False


def _object_request(
    key: str, place: Path, cache: bool, unpacking: Unpacking | None
) -> DownloadRequest:
    options = None
    if unpacking is not None:
        options = UnpackOptions(
            destination=_tree(place, unpacking.folder),
            unpack_method=unpacking.method,
            keep_archive=unpacking.keep_archive,
            links=unpacking.links,
        )
    return DownloadRequest(ObjectDownloadRequest(key, place, cache=cache, unpack_options=options))


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
