"""From the operands of a command to requests and stores: what each source means in its store."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from xfd_api.chunks import FoundObject
from xfd_api.errors import InternalError, InvalidRequestError
from xfd_api.profiles import ObjectStoreConfigByProfile, by_profile
from xfd_api.requests import DownloadRequest, Links, UnpackMethod
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane.cancellation import CallLimits
from xfd_dataplane.cli.operands import STDOUT, Operand, at_line, operands_of, read_lines
from xfd_dataplane.cli.places import THIS_HOST, Places
from xfd_dataplane.cli.source_requests import (
    Unpacking,
    checksum_without_object,
    patterns_without_prefix,
    request_for,
    requests_for_matches,
)
from xfd_dataplane.cli.sources import Source, parse_sources
from xfd_dataplane.cli.store_options import store_options
from xfd_dataplane.listing import as_written, find
from xfd_dataplane.node import Node


@dataclass(frozen=True, slots=True)
class Wanted:
    """One operand with the store and the key that it names."""

    operand: Operand
    source: Source


@dataclass(frozen=True, slots=True)
class Selection:
    """The requests of a command line.

    Attributes:
        requests: in the order of the sources.
        found: for each request the object that it is for, if a pattern has found it already.
        lines: for each request the line of the file that it comes from, if any.
        stores: every store that they name.
    """

    requests: tuple[DownloadRequest, ...]
    found: tuple[FoundObject | None, ...]
    lines: tuple[str | None, ...]
    stores: ObjectStoreConfigByProfile


def wanted(options: argparse.Namespace) -> list[Wanted]:
    """The sources that the options of `get` name, on the command line and in a file.

    Raises:
        InvalidRequestError: one names no store, or the options do not fit it.
    """
    lines = None if options.from_file is None else read_lines(options.from_file)
    operands = operands_of(options.sources, options.destination, lines)
    sources = parse_sources(operands, store_options(options))
    if len(operands) > 1 and options.checksum is not None:
        raise InvalidRequestError(
            "A checksum goes with one object, and there are several sources",
            remedy="Fetch that object by itself",
        )
    return [
        Wanted(operand, source)
        for operand, source in zip(operands, named_by_profile(sources), strict=True)
    ]


def named_by_profile(sources: Sequence[Source]) -> list[Source]:
    """The sources with a profile for each different store: None for the first one."""
    names: dict[ObjectStoreConfig, str | None] = {}
    for source in sources:
        names.setdefault(source.config, f"source {len(names) + 1}" if names else None)
    return [replace(source, profile=names[source.config]) for source in sources]


def stores_of(sources: Sequence[Wanted]) -> ObjectStoreConfigByProfile:
    """The stores of all sources, each by its profile."""
    return ObjectStoreConfigByProfile({each.source.profile: each.source.config for each in sources})


def select(
    options: argparse.Namespace,
    sources: Sequence[Wanted],
    node: Node | None,
    limits: CallLimits,
    places: Places = THIS_HOST,
) -> Selection:
    """The requests for all sources. Asks the stores for what patterns match.

    Args:
        options: of the command.
        sources: what it names.
        node: asks the stores; None if no source is a pattern.
        limits: when the call has to end.
        places: where destinations lie.

    Raises:
        InvalidRequestError: several objects are to go to standard output, or options contradict
            each other.
        XfdError: a store could not be asked, or has nothing of it.
    """
    requests: list[DownloadRequest] = []
    found: list[FoundObject | None] = []
    lines: list[str | None] = []
    for each in sources:
        with at_line(each.operand.line):
            for request, match in _of_one(options, each, node, limits, places):
                requests.append(request)
                found.append(match)
                lines.append(each.operand.line)
    return Selection(tuple(requests), tuple(found), tuple(lines), stores_of(sources))


def resolved(source: Source, node: Node) -> Source:
    """The source, taken literally if its store has something of exactly this name."""
    stores = by_profile(source.config)
    if source.is_pattern and as_written(node, stores, source.bucket, source.key):
        return replace(source, is_literal=True)
    return source


def _of_one(
    options: argparse.Namespace,
    each: Wanted,
    node: Node | None,
    limits: CallLimits,
    places: Places,
) -> list[tuple[DownloadRequest, FoundObject | None]]:
    source, operand = each.source, each.operand
    if node is not None:
        source = limits.run(partial(resolved, source, node))
    if options.destination == STDOUT and (source.is_pattern or source.is_prefix):
        raise InvalidRequestError(
            "Only one object can go to standard output",
            object=source.named,
            remedy="Name one object, or a folder to fetch to",
        )
    cache, unpacking = (
        not options.force,
        _unpacking(options, several=operand.into or operand.line is not None),
    )
    if not source.is_pattern:
        request = request_for(
            source,
            operand.destination,
            cache=cache,
            unpacking=unpacking,
            include=options.include,
            exclude=options.exclude,
            checksum=options.checksum,
            into=operand.into,
            places=places,
        )
        return [(request, None)]
    if options.include or options.exclude:
        raise patterns_without_prefix(source)
    if options.checksum is not None:
        raise checksum_without_object(source)
    if node is None:
        raise InternalError("A pattern was given, and nobody to ask its store")
    matches = limits.run(_finding(source, node))
    requests = requests_for_matches(
        source,
        matches,
        operand.destination,
        cache=cache,
        unpacking=unpacking,
        places=places,
    )
    return list(zip(requests, matches, strict=True))


def _finding(source: Source, node: Node) -> Callable[[], list[FoundObject]]:
    stores = by_profile(source.config)
    return partial(find, node, stores, source.config.kind, source.bucket, source.key)


def _unpacking(options: argparse.Namespace, *, several: bool) -> Unpacking | None:
    if options.unpack is None:
        return None
    return Unpacking(
        options.unpack,
        keep_archive=not options.no_keep_archive,
        method=UnpackMethod(options.unpack_method),
        links=Links(options.links),
        conda_unpack=options.conda_unpack,
        several=several,
    )
