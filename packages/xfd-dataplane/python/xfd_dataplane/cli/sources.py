"""Turns sources of the command line into stores, and keys in them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from xfd_api.errors import InvalidRequestError
from xfd_api.hub_repos import repo_named
from xfd_api.stores import ObjectStoreConfig, StoreKind
from xfd_api.uris import FORMS, SCHEMES, Uri, parse_uri
from xfd_dataplane.cli.operands import Operand, at_line
from xfd_dataplane.cli.store_options import StoreOptions, check_options, store_options
from xfd_dataplane.patterns import has_wildcard, literal_folder


@dataclass(frozen=True, slots=True)
class Source:
    """A store, and in it a key, a prefix or a pattern.

    Attributes:
        config: the store.
        key: a prefix ends in a slash or is empty.
        bucket: see `Lookup.bucket`; a repository of a hub.
        is_literal: the key looks like a pattern, but the store has something of exactly this name.
        profile: the name of the store among those of several sources; see `stores_of`.
    """

    config: ObjectStoreConfig
    key: str
    bucket: str | None = None
    is_literal: bool = False
    profile: str | None = None

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
        """What an error calls it: the key, or the bucket, repository or folder whose all it is."""
        return self.key or self.bucket or self.config.bucket or self.config.directory or ""

    @property
    def folder_name(self) -> str:
        """The name of a prefix's folder, as `cp` takes it over.

        Raises:
            InvalidRequestError: it has none.
        """
        of_store = self.config.bucket or Path(self.config.directory or "").name
        if self.bucket is not None:
            of_store = repo_named(self.bucket).repo_id
        name = (self.key.rstrip("/") or of_store).rpartition("/")[2]
        if not name:
            raise InvalidRequestError(
                "The source has no name for its folder",
                object=self.named,
                remedy="Fetch it alone, or write a destination beside it in a list",
            )
        return name

    def uri(self, key: str) -> str:
        """A key of the store as a request names it."""
        return key if self.bucket is None else repo_named(self.bucket).uri(key)

    @property
    def is_at_hub(self) -> bool:
        """Whether it lands in the hub cache if no destination is given."""
        return self.config.kind is StoreKind.HUB


def named_source(options: argparse.Namespace) -> Source:
    """The one source that the options of a command name.

    Raises:
        InvalidRequestError: it names no store, or has options of another kind of store.
    """
    return parse_source(options.source, store_options(options))


def parse_source(text: str, options: StoreOptions | None = None) -> Source:
    """The store and the key that a source names; see `parse_sources`."""
    (source,) = parse_sources([Operand(text)], options or StoreOptions())
    return source


def parse_sources(operands: Sequence[Operand], options: StoreOptions) -> list[Source]:
    """The store and the key that each source names.

    Raises:
        InvalidRequestError: one names no store, or there is an option that none has a use for.
        UnsafePathError: a key has a `..` segment.
    """
    uris: list[Uri | None] = []
    for operand in operands:
        with at_line(operand.line):
            uris.append(_parsed(operand.source))
    check_options(options, uris)
    sources: list[Source] = []
    for operand, uri in zip(operands, uris, strict=True):
        with at_line(operand.line):
            sources.append(
                _local(operand.source)
                if uri is None
                else _in_store(uri, options.taken_by(uri.kind))
            )
    return sources


def _parsed(text: str) -> Uri | None:
    """The uri of a source; None for a path of this host."""
    scheme, mark, _ = text.partition("://")
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
    return None if scheme.lower() == "file" else parse_uri(text)


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


def _local(text: str) -> Source:
    host, _, path = text.partition("://")[2].partition("/")
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
