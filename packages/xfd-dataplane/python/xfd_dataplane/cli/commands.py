"""What each command does. Each returns its exit code and raises what went wrong."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from xfd_api.catalog import build_catalog
from xfd_api.chunks import Catalog, FoundObject
from xfd_api.errors import InvalidRequestError
from xfd_api.lookups import Lookup, plan_lookups
from xfd_api.requests import DownloadRequest, Links, UnpackMethod
from xfd_api.settings import Durability, NodeSettings, UnpackCaps
from xfd_api.stores import ObjectStoreConfigByProfile, StoreKind, by_profile
from xfd_dataplane._native import Node
from xfd_dataplane.cli import exits, output
from xfd_dataplane.cli.bar import progress_shown
from xfd_dataplane.cli.options import STDOUT
from xfd_dataplane.cli.piping import InOrder, passing_place
from xfd_dataplane.cli.plan import Plan
from xfd_dataplane.cli.sources import (
    Source,
    Unpacking,
    parse_source,
    request_for,
    requests_for_matches,
)
from xfd_dataplane.downloading import fetch, node_settings, open_node, survey
from xfd_dataplane.listing import as_written, explained, find, list_objects
from xfd_dataplane.progress import human
from xfd_dataplane.watch import Watch

if TYPE_CHECKING:
    from xfd_dataplane.verifying import VerifyReport


def get(options: argparse.Namespace) -> int:
    """Fetches, or says what it would fetch."""
    if options.destination == STDOUT and not options.dry_run:
        return _pipe(options)
    watch = Watch(options.deadline, None)
    stores = by_profile(_source(options, options.source).config)
    settings = settings_of(options)
    with (
        open_node(settings) as node,
        progress_shown(shown=not (options.quiet or options.json or options.dry_run)) as show,
    ):
        catalog = _catalog(options, node, stores, watch, options.destination)
        report = here = None
        if options.dry_run:
            here = watch.run(lambda: survey(node, catalog))
        else:
            report = fetch(
                node,
                catalog,
                stores,
                settings=settings,
                durability=Durability(options.durability),
                watch=watch,
                on_progress=show,
            )
    if report is None:
        plan = Plan(catalog, here or {})
        if options.json:
            output.as_json(plan.document())
        else:
            for line in plan.lines():
                output.say(line)
    elif options.json:
        output.as_json(output.report_document(report))
    elif not options.quiet:
        output.say(output.report_line(report))
    for line in output.left_out_lines(report) if report is not None else ():
        output.complain(line)
    return exits.OK


def _pipe(options: argparse.Namespace) -> int:
    """Writes one object to standard output; nothing else is written there."""
    if not options.stdout_is_open:
        raise InvalidRequestError("Standard output is closed", object=options.source)
    watch = Watch(options.deadline, None)
    stores = by_profile(_source(options, options.source).config)
    settings = settings_of(options)
    with (
        passing_place() as place,
        open_node(settings) as node,
        progress_shown(shown=not options.quiet) as show,
    ):
        catalog = _catalog(options, node, stores, watch, str(place))
        with contextlib.closing(InOrder(catalog, place, sys.stdout.fileno())) as in_order:
            try:
                fetch(
                    node,
                    catalog,
                    stores,
                    settings=settings,
                    durability=Durability.NONE,
                    watch=watch,
                    on_progress=show,
                    on_event=in_order,
                )
                in_order.check_done()
            except BrokenPipeError:
                return exits.BROKEN_PIPE
    return exits.OK


def _catalog(
    options: argparse.Namespace,
    node: Node,
    stores: ObjectStoreConfigByProfile,
    watch: Watch,
    destination: str,
) -> Catalog:
    source = watch.run(lambda: _meant(_source(options, options.source), node, stores))
    if options.destination == STDOUT and (source.is_pattern or source.is_prefix):
        raise InvalidRequestError(
            "Only one object can go to standard output",
            object=source.key,
            remedy="Name one object, or a folder to fetch to",
        )
    requests, matches = _requests(options, source, node, watch, destination)
    lookups = plan_lookups(requests, stores)
    if matches is None:
        found = watch.run(lambda: _find_all(node, lookups, stores, source))
    else:
        found = [[match] for match in matches]
    return build_catalog(lookups, found, chunk_size_bytes=options.chunk_size)


def _meant(source: Source, node: Node, stores: ObjectStoreConfigByProfile) -> Source:
    """The source as it is meant: by the letter, where there is something of that name."""
    if source.is_pattern and as_written(node, stores, None, source.key):
        return replace(source, is_literal=True)
    return source


def settings_of(options: argparse.Namespace) -> NodeSettings:
    """The settings of the data plane that the options of `get` ask for."""
    given = {
        "max_entries": options.max_entries,
        "max_bytes": options.max_unpacked,
        "max_ratio": options.max_ratio,
    }
    return node_settings(
        node_parallelism=options.parallel,
        memory_budget_bytes=options.memory_budget,
        download_bytes_per_s=options.limit_rate,
        connect_timeout_s=options.connect_timeout,
        read_timeout_s=options.read_timeout,
        attempts=options.attempts,
        unpack_caps=UnpackCaps(**{name: cap for name, cap in given.items() if cap is not None}),
        verify_whole=options.verify_whole,
    )


def ls(options: argparse.Namespace) -> int:
    """Lists."""
    source = _source(options, options.source)
    stores = by_profile(source.config)
    with open_node() as node:
        found = Watch(None, None).run(
            lambda: find(node, stores, source.config.kind, None, source.key)
        )
    if options.json:
        output.as_json(output.listing_document(found))
    else:
        for line in output.listing_lines(found):
            output.say(line)
    return exits.OK


def verify_landed(options: argparse.Namespace) -> int:
    """Reads again what has landed."""
    report = _verified(options)
    if options.json:
        output.as_json(output.verify_document(report))
    else:
        for wrong in report.mismatches:
            output.complain(f"{wrong.path}: {wrong.problem}: {wrong.detail}")
        output.say(
            f"{report.files} file(s), {human(report.bytes)} read, "
            f"{report.entries} entries looked at: "
            + ("all as they should be" if report.ok else f"{len(report.mismatches)} differ")
        )
    return exits.OK if report.ok else exits.VERIFICATION


def _verified(options: argparse.Namespace) -> VerifyReport:
    from xfd_dataplane.verifying import verify, verify_paths

    if options.source is None:
        return verify_paths(Path(path) for path in options.paths)
    destination = options.paths[1] if len(options.paths) > 1 else "."
    source = _source(options, options.source)
    with open_node() as node:
        source = _meant(source, node, by_profile(source.config))
    if source.is_pattern:
        matches = list_objects(source.key, source.config)
        requests = requests_for_matches(source, matches, destination)
    else:
        requests = [
            request_for(source, destination, include=options.include, exclude=options.exclude)
        ]
    return verify(requests, source.config)


def _source(options: argparse.Namespace, text: str) -> Source:
    return parse_source(
        text,
        endpoint=options.endpoint_url,
        region=options.region,
        anonymous=options.no_sign_request,
        request_payer=options.request_payer,
    )


def _requests(
    options: argparse.Namespace, source: Source, node: Node, watch: Watch, destination: str
) -> tuple[list[DownloadRequest], list[FoundObject] | None]:
    """The requests, and for a pattern what each of them found."""
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
        )
        return [request], None
    if options.include or options.exclude:
        raise InvalidRequestError(
            "--include and --exclude go with a prefix, which ends in a slash", object=source.key
        )
    stores = by_profile(source.config)
    matches = watch.run(lambda: find(node, stores, source.config.kind, None, source.key))
    requests = requests_for_matches(source, matches, destination, cache=cache, unpacking=unpacking)
    return requests, matches


def _find_all(
    node: Node, lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile, source: Source
) -> list[list[FoundObject]]:
    if source.is_prefix or source.config.kind is StoreKind.HTTP:
        return node.find_objects(lookups, stores)
    with explained(source.key):
        return node.find_objects(lookups, stores)
