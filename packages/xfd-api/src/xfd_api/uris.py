"""Reads full uris: which kind of store they belong to, and what they name in it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from xfd_api.errors import InvalidRequestError, UnsafePathError
from xfd_api.hub_repos import parse_hub_uri
from xfd_api.paths import is_utf8
from xfd_api.stores import StoreKind

VERSION = "?versionId="
SCHEMES = ("s3", "gs", "az", "abfs", "abfss", "hf", "http", "https")
FORMS = "s3://bucket/key, gs://bucket/key, az://container/key, https://host/path or hf://ORG/NAME"

_ARN = re.compile(
    r"(?P<arn>arn:[^/:]+:s3[^/:]*:[^/:]*:[^/:]*:"
    r"(?:outpost[/:][^/:]+[/:])?accesspoint[/:][^/:]+)(?:/(?P<key>.*))?\Z",
    re.DOTALL,
)
_AZURE_HOST = re.compile(r"(?P<account>[a-z0-9-]+)\.(?:dfs|blob)\.(?P<suffix>[a-z0-9.-]+)")
_AZURE_CLOUD = "core.windows.net"


@dataclass(frozen=True, slots=True)
class Uri:
    """A full uri.

    Attributes:
        kind: the kind of store.
        bucket: the bucket or container that it names, with the object's version appended (see
            `split_bucket`), or a repository of a hub (`HubRepo.name`); None for a web server.
        key: the key, or the path in a repository or below `server`.
        account: the storage account of Azure that it names.
        endpoint: the URL of an account of another cloud than Azure's public one.
        server: the base URL of a web server. It has the uri's query, which may be a signature.
    """

    kind: StoreKind
    bucket: str | None
    key: str
    account: str | None = None
    endpoint: str | None = None
    server: str | None = field(default=None, repr=False)


def parse_uri(uri: str) -> Uri | None:
    """What a full uri names; None for a key, which is relative to a store.

    Raises:
        InvalidRequestError: it is not UTF-8, has an unknown scheme, or names no bucket, repository
            or host.
        UnsafePathError: its key has a `..` segment.

    Example:
        >>> parse_uri("gs://models/bert/config.json").bucket
        'models'
        >>> parse_uri("bert/config.json") is None
        True
    """
    if not is_utf8(uri):
        raise InvalidRequestError(
            "The uri is not UTF-8", object=ascii(uri), remedy="Give the key in UTF-8"
        )
    scheme, mark, rest = uri.partition("://")
    parsed = _parsed(scheme.lower(), rest, uri) if mark else None
    key = uri if parsed is None else parsed.key
    if "\0" in key or ".." in key.split("/"):
        raise UnsafePathError("The uri climbs out of its store", object=uri)
    return parsed


def _parsed(scheme: str, rest: str, uri: str) -> Uri:
    match scheme:
        case "s3":
            bucket, key = split_bucket(rest)
            return _checked(Uri(StoreKind.S3, bucket, key), uri)
        case "gs":
            bucket, _, key = rest.partition("/")
            return _checked(Uri(StoreKind.GCS, bucket, key), uri)
        case "az":
            bucket, _, key = rest.partition("/")
            return _checked(Uri(StoreKind.AZURE, bucket, key), uri)
        case "abfs" | "abfss":
            return _checked(_azure_file_system(rest, uri), uri)
        case "hf":
            repo, key = parse_hub_uri(uri)
            return Uri(StoreKind.HUB, repo.name, key)
        case "http" | "https":
            return _web(uri)
    raise InvalidRequestError(
        f"xfd knows no {scheme}:// uris", object=uri, remedy=f"Write {FORMS}, or a key of the store"
    )


def _checked(parsed: Uri, uri: str) -> Uri:
    if not parsed.bucket or parsed.bucket.startswith(VERSION):
        raise InvalidRequestError(
            "The uri names no bucket or container",
            object=uri,
            remedy="Write it as s3://bucket/key, gs://bucket/key or az://container/key",
        )
    return parsed


def _azure_file_system(rest: str, uri: str) -> Uri:
    place, _, key = rest.partition("/")
    container, _, host = place.partition("@")
    match = _AZURE_HOST.fullmatch(host.lower())
    if match is None:
        raise InvalidRequestError(
            "The uri names no storage account",
            object=uri,
            remedy="Write abfss://container@account.dfs.core.windows.net/path",
        )
    account, suffix = match["account"], match["suffix"]
    endpoint = None if suffix == _AZURE_CLOUD else f"https://{account}.blob.{suffix}"
    return Uri(StoreKind.AZURE, container, key, account=account, endpoint=endpoint)


def _web(uri: str) -> Uri:
    parts = urlsplit(uri)
    if not parts.hostname:
        raise InvalidRequestError(
            "The uri names no host", object=uri, remedy="Write https://host/file"
        )
    # A query may be a signature. As part of the base URL it appears in no key, error or repr.
    query = f"?{parts.query}" if parts.query else ""
    folder, path = "", parts.path.lstrip("/")
    above, _, name = path.rpartition("/")
    if "%2f" in above.lower():
        # An encoded slash belongs to a name. In a key it would separate two names.
        folder, path = f"/{above}", name
    server = f"{parts.scheme}://{parts.netloc}{folder}{query}"
    return Uri(StoreKind.HTTP, None, unquote(path), server=server)


def split_bucket(rest: str) -> tuple[str, str]:
    """Bucket and key of the text after `s3://`.

    The bucket may be the ARN of an access point, which contains slashes
    (`arn:aws:s3:region:account:accesspoint/name`). The version of `key?versionId=...` is appended
    to the bucket, because a bucket's name contains no question mark and a key may.
    """
    arn = _ARN.match(rest)
    if arn is not None:
        bucket, key = arn["arn"], arn["key"] or ""
    else:
        bucket, _, key = rest.partition("/")
    key, mark, version = key.rpartition(VERSION)
    if not mark:
        return bucket, version
    return f"{bucket}{VERSION}{unquote(version)}", key
