"""Turns a source of the command line into a store, and a key in it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from xfd_api.errors import InvalidRequestError
from xfd_api.hub_repos import repo_named
from xfd_api.stores import ObjectStoreConfig, StoreKind
from xfd_api.uris import FORMS, SCHEMES, Uri, parse_uri
from xfd_dataplane.cli.credentials import read_headers, read_token
from xfd_dataplane.patterns import has_wildcard, literal_folder


@dataclass(frozen=True, slots=True)
class Source:
    """A store, and in it a key, a prefix or a pattern.

    Attributes:
        config: the store.
        key: a prefix ends in a slash or is empty.
        bucket: see `Lookup.bucket`; a repository of a hub.
        is_literal: the key looks like a pattern, but the store has something of exactly this name.
    """

    config: ObjectStoreConfig
    key: str
    bucket: str | None = None
    is_literal: bool = False

    @property
    def is_pattern(self) -> bool:
        """Whether the key is a pattern."""
        return self.config.base_url is None and not self.is_literal and has_wildcard(self.key)

    @property
    def is_prefix(self) -> bool:
        """Whether it names a folder of objects."""
        return not self.is_pattern and (not self.key or self.key.endswith("/"))

    @property
    def named(self) -> str:
        """What an error calls it: the key, or the bucket or repository whose all it is."""
        return self.key or self.bucket or self.config.bucket or ""

    def uri(self, key: str) -> str:
        """A key of the store as a request names it."""
        return key if self.bucket is None else repo_named(self.bucket).uri(key)

    def place(self, destination: str | None) -> Path | None:
        """Where it lands; None is the hub cache."""
        if destination is None and self.config.kind is StoreKind.HUB:
            return None
        return absolute(destination or ".")


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """The options of a command that say how to reach a store. Secrets show in no repr."""

    endpoint: str | None = None
    region: str | None = None
    anonymous: bool = False
    request_payer: str | None = None
    account: str | None = None
    netrc: bool = False
    token: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def named_source(options: argparse.Namespace) -> Source:
    """The source that the options of a command name.

    Raises:
        InvalidRequestError: it names no store, or has options of another kind of store.
    """
    given = StoreOptions(
        endpoint=options.endpoint_url,
        region=options.region,
        anonymous=options.no_sign_request,
        request_payer=options.request_payer,
        account=options.account,
        netrc=options.netrc,
        token=read_token(options.token_file),
        headers=read_headers(options.header),
    )
    return parse_source(options.source, given)


def parse_source(text: str, options: StoreOptions = StoreOptions()) -> Source:
    """The store and the key that a source names.

    Raises:
        InvalidRequestError: it names no store, or has options of another kind of store.
        UnsafePathError: its key has a `..` segment.
    """
    scheme, mark, rest = text.partition("://")
    if not mark:
        raise InvalidRequestError(
            "The source has no scheme", object=text, remedy=f"Write {FORMS} or file:///folder/file"
        )
    if scheme.lower() not in (*SCHEMES, "file"):
        raise InvalidRequestError(
            f"xfd knows no {scheme}:// sources",
            object=text,
            remedy="Use s3, gs, az, abfss, hf, https or file",
        )
    uri = None if scheme.lower() == "file" else parse_uri(text)
    _refuse_options_of_others(None if uri is None else uri.kind, options)
    return _local(rest, text) if uri is None else _in_store(uri, options)


def _in_store(uri: Uri, options: StoreOptions) -> Source:
    match uri.kind:
        case StoreKind.S3:
            config = ObjectStoreConfig.make_for_s3(
                uri.bucket or "",
                endpoint=options.endpoint,
                region=options.region,
                anonymous=options.anonymous,
                request_payer=options.request_payer,
            )
        case StoreKind.GCS:
            config = ObjectStoreConfig.make_for_gcs(
                uri.bucket or "",
                options.endpoint,
                bearer=options.token,
                anonymous=options.anonymous,
            )
        case StoreKind.AZURE:
            if uri.account not in (None, options.account or uri.account):
                raise InvalidRequestError(
                    "--account names another storage account than the source",
                    object=f"{uri.account}, {options.account}",
                    remedy="Name it once",
                )
            config = ObjectStoreConfig.make_for_azure(
                uri.bucket or "",
                uri.account or options.account,
                uri.endpoint or options.endpoint,
                anonymous=options.anonymous,
            )
        case StoreKind.HUB:
            config = ObjectStoreConfig.make_for_hub(options.endpoint, options.token)
            return Source(config, uri.key, uri.bucket)
        case _:
            config = ObjectStoreConfig.make_for_http(
                uri.server or "",
                headers=options.headers,
                bearer=options.token,
                netrc=options.netrc,
            )
    return Source(config, uri.key)


_TAKES: dict[str, tuple[StoreKind, ...]] = {
    "--endpoint-url": (StoreKind.S3, StoreKind.GCS, StoreKind.AZURE, StoreKind.HUB),
    "--region": (StoreKind.S3,),
    "--request-payer": (StoreKind.S3,),
    "--no-sign-request": (StoreKind.S3, StoreKind.GCS, StoreKind.AZURE),
    "--header": (StoreKind.HTTP,),
    "--netrc": (StoreKind.HTTP,),
    "--token-file": (StoreKind.HTTP, StoreKind.HUB, StoreKind.GCS),
    "--account": (StoreKind.AZURE,),
}
"""Which stores have a use for an option. Others refuse it: it would say what is not done."""


def _refuse_options_of_others(kind: StoreKind | None, options: StoreOptions) -> None:
    given = {
        "--endpoint-url": options.endpoint is not None,
        "--region": options.region is not None,
        "--request-payer": options.request_payer is not None,
        "--no-sign-request": options.anonymous,
        "--header": bool(options.headers),
        "--netrc": options.netrc,
        "--token-file": options.token is not None,
        "--account": options.account is not None,
    }
    for name, is_given in given.items():
        if is_given and kind not in _TAKES[name]:
            kinds = ", ".join(_SCHEME_OF[each] for each in _TAKES[name])
            raise InvalidRequestError(
                f"{name} has no meaning for this source", remedy=f"Drop it: it goes with {kinds}"
            )


_SCHEME_OF = {
    StoreKind.S3: "s3://",
    StoreKind.HTTP: "https://",
    StoreKind.HUB: "hf://",
    StoreKind.GCS: "gs://",
    StoreKind.AZURE: "az://",
}


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


def absolute(destination: str) -> Path:
    """The destination below the working directory, without `..`."""
    path = Path(destination)
    if path.name in ("", "..", "."):
        return path.resolve()
    return path.parent.resolve() / path.name
