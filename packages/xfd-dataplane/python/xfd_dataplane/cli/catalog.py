"""From the options of `get` to a catalog: what the source means, and what its store has of it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from xfd_api.catalog import build_catalog
from xfd_api.chunks import Catalog, FoundObject
from xfd_api.errors import InvalidRequestError
from xfd_api.lookups import Lookup, plan_downloads
from xfd_api.profiles import ObjectStoreConfigByProfile, by_profile
from xfd_api.requests import DownloadRequest, Links, UnpackMethod
from xfd_api.stores import StoreKind
from xfd_dataplane.cancellation import CallLimits
from xfd_dataplane.cli.options import STDOUT
from xfd_dataplane.cli.source_requests import (
    Unpacking,
    checksum_without_object,
    patterns_without_prefix,
    request_for,
    requests_for_matches,
)
from xfd_dataplane.cli.sources import Source, named_source
from xfd_dataplane.listing import as_written, explained, find
from xfd_dataplane.node import Node


def catalog_for(
    options: argparse.Namespace,
    node: Node,
    stores: ObjectStoreConfigByProfile,
    limits: CallLimits,
    destination: str | None,
) -> Catalog:
    """The catalog of what the options of `get` name.

    Raises:
        InvalidRequestError: several objects are to go to standard output, or options contradict
            each other.
        XfdError: the store could not be asked, or has nothing of it.
    """
    source = limits.run(lambda: resolved(named_source(options), node, stores))
    if options.destination == STDOUT and (source.is_pattern or source.is_prefix):
        raise InvalidRequestError(
            "Only one object can go to standard output",
            object=source.named,
            remedy="Name one object, or a folder to fetch to",
        )
    requests, matches = _requests(options, source, node, limits, destination)
    lookups = plan_downloads(requests, stores).lookups
    if matches is None:
        found = limits.run(lambda: _find_all(node, lookups, stores, source))
    else:
        found = [[match] for match in matches]
    return build_catalog(lookups, found, chunk_size_bytes=options.chunk_size)


def resolved(source: Source, node: Node, stores: ObjectStoreConfigByProfile) -> Source:
    """The source, taken literally if its store has something of exactly this name."""
    if source.is_pattern and as_written(node, stores, source.bucket, source.key):
        return replace(source, is_literal=True)
    return source


def _requests(
    options: argparse.Namespace,
    source: Source,
    node: Node,
    limits: CallLimits,
    destination: str | None,
) -> tuple[list[DownloadRequest], list[FoundObject] | None]:
    """The requests, and for a pattern the object that each of them is for."""
    cache = not options.force
    unpacking = None
    if options.unpack is not None:
        unpacking = Unpacking(
            options.unpack,
            keep_archive=not options.no_keep_archive,
            method=UnpackMethod(options.unpack_method),
            links=Links(options.links),
        )
    if not source.is_pattern:
        request = request_for(
            source,
            destination,
            cache=cache,
            unpacking=unpacking,
            include=options.include,
            exclude=options.exclude,
            sha256=options.sha256,
            md5=options.md5,
        )
        return [request], None
    if options.include or options.exclude:
        raise patterns_without_prefix(source)
    if options.sha256 is not None or options.md5 is not None:
        raise checksum_without_object(source)
    stores = by_profile(source.config)
    matches = limits.run(lambda: find(node, stores, source.config.kind, source.bucket, source.key))
    requests = requests_for_matches(source, matches, destination, cache=cache, unpacking=unpacking)
    return requests, matches


def _find_all(
    node: Node, lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile, source: Source
) -> list[list[FoundObject]]:
    if source.is_prefix or source.config.kind is StoreKind.HTTP:
        return node.find_objects(lookups, stores)
    with explained(source.key):
        return node.find_objects(lookups, stores)
