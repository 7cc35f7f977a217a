"""What each command does. Each returns its exit code and raises what went wrong."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xfd_api.catalog import build_catalog
from xfd_api.chunks import FoundObject
from xfd_api.errors import ObjectNotFoundError
from xfd_api.lookups import Lookup, plan_lookups
from xfd_api.requests import DownloadRequest, UnpackMethod
from xfd_api.settings import Durability, NodeSettings, UnpackCaps
from xfd_api.stores import ObjectStoreConfigByProfile, StoreKind, by_profile
from xfd_dataplane._native import Node
from xfd_dataplane.cli import exits, output
from xfd_dataplane.cli.bar import progress_bar
from xfd_dataplane.cli.sources import (
    Source,
    Unpacking,
    parse_source,
    request_for,
    requests_for_matches,
)
from xfd_dataplane.downloading import fetch, node_settings, open_node
from xfd_dataplane.listing import find, list_objects
from xfd_dataplane.watch import Watch

if TYPE_CHECKING:
    from xfd_dataplane.verifying import VerifyReport


def get(options: argparse.Namespace) -> int:
    """Fetches, or says what it would fetch."""
    watch = Watch(options.deadline, None)
    source = _source(options, options.source)
    stores = by_profile(source.config)
    settings = settings_of(options)
    with (
        open_node(settings) as node,
        progress_bar(shown=not (options.quiet or options.json or options.dry_run)) as show,
    ):
        requests, matches = _requests(options, source, node, watch)
        lookups = plan_lookups(requests, stores)
        if matches is None:
            found = watch.run(lambda: _find_all(node, lookups, stores, source))
        else:
            found = [[match] for match in matches]
        catalog = build_catalog(lookups, found, chunk_size_bytes=options.chunk_size)
        if options.dry_run:
            report = None
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
    if report is None and options.json:
        output.as_json(output.plan_document(catalog))
    elif report is None:
        for line in output.plan_lines(catalog):
            output.say(line)
    elif options.json:
        output.as_json(output.report_document(report))
    elif not options.quiet:
        output.say(output.report_line(report))
    return exits.OK


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
    found = list_objects(source.key, source.config)
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
            f"{report.files} file(s), {output.human(report.bytes)} read, "
            f"{report.entries} entries looked at: "
            + ("all as they should be" if report.ok else f"{len(report.mismatches)} differ")
        )
    return exits.OK if report.ok else exits.VERIFICATION


def _verified(options: argparse.Namespace) -> VerifyReport:
    from xfd_dataplane.verifying import verify, verify_paths

    if options.source is None:
        return verify_paths(Path(path) for path in options.paths)
    source = _source(options, options.source)
    destination = options.paths[1] if len(options.paths) > 1 else "."
    if source.is_pattern:
        matches = list_objects(source.key, source.config)
        requests = requests_for_matches(source, matches, destination)
    else:
        requests = [request_for(source, destination)]
    return verify(requests, source.config)


def _source(options: argparse.Namespace, text: str) -> Source:
    return parse_source(
        text,
        endpoint=options.endpoint_url,
        region=options.region,
        anonymous=options.no_sign_request,
    )


def _requests(
    options: argparse.Namespace, source: Source, node: Node, watch: Watch
) -> tuple[list[DownloadRequest], list[FoundObject] | None]:
    """The requests, and for a pattern what each of them found."""
    cache = not options.force
    unpacking = None
    if options.unpack is not None:
        unpacking = Unpacking(
            options.unpack,
            keep_archive=not options.no_keep_archive,
            method=UnpackMethod(options.unpack_method),
        )
    if not source.is_pattern:
        request = request_for(source, options.destination, cache=cache, unpacking=unpacking)
        return [request], None
    stores = by_profile(source.config)
    matches = watch.run(lambda: find(node, stores, source.config.kind, None, source.key))
    requests = requests_for_matches(
        source, matches, options.destination, cache=cache, unpacking=unpacking
    )
    return requests, matches


def _find_all(
    node: Node, lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile, source: Source
) -> list[list[FoundObject]]:
    try:
        return node.find_objects(lookups, stores)
    except ObjectNotFoundError as error:
        if source.is_prefix or source.config.kind is StoreKind.HTTP:
            raise
        raise ObjectNotFoundError(
            error.what,
            object=error.object,
            remedy="Check bucket and key; a prefix ends in a slash",
        ) from None
