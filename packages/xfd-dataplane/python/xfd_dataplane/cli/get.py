"""`xfd-get get`: fetches to disk or to standard output, or says what it would fetch."""

from __future__ import annotations

import argparse
import contextlib
import sys

from xfd_api.errors import InvalidRequestError
from xfd_api.settings import Durability, NodeSettings
from xfd_dataplane.cancellation import CallLimits
from xfd_dataplane.cli import codes, output
from xfd_dataplane.cli.catalog import catalog_for
from xfd_dataplane.cli.dry_run import DryRun
from xfd_dataplane.cli.node_settings import configure
from xfd_dataplane.cli.operands import STDOUT, Operand
from xfd_dataplane.cli.selection import Wanted, stores_of, wanted
from xfd_dataplane.cli.stdout_writer import OrderedWriter, temporary_place
from xfd_dataplane.downloading import fetch, open_node, survey, tell_of_lookups


def run(options: argparse.Namespace) -> int:
    """Carries out `get`, and returns the exit code."""
    settings = configure(options).rooted()
    if options.dry_run:
        return _dry_run(options, settings)
    if options.destination == STDOUT:
        return _to_stdout(options, settings)
    return _to_disk(options, settings)


def _to_disk(options: argparse.Namespace, settings: NodeSettings) -> int:
    if options.report is not None:
        from xfd_api.whole_file import check_place  # Few ask for a report.

        check_place(options.report)
    limits = CallLimits(options.deadline, None)
    sources = wanted(options)
    with (
        open_node(settings) as node,
        output.progress(
            options.progress,
            options.configured_progress,
            shown=not options.quiet,
            otherwise="none" if options.json else "auto",
        ) as on_progress,
    ):
        tell_of_lookups(limits, node, on_progress)
        catalog = catalog_for(options, sources, node, limits)
        report = fetch(
            node,
            catalog,
            stores_of(sources),
            settings=settings,
            durability=Durability(options.durability),
            limits=limits,
            on_progress=on_progress,
        )
    if options.report is not None:
        report.save(options.report)
    if options.json:
        output.as_json(output.report_document(report, catalog))
    elif not options.quiet:
        for line in [output.report_line(report), *output.snapshot_lines(catalog)]:
            output.say(line)
    for line in output.left_out_lines(report):
        output.complain(line)
    return codes.OK


def _dry_run(options: argparse.Namespace, settings: NodeSettings) -> int:
    limits = CallLimits(options.deadline, None)
    sources = wanted(options)
    with open_node(settings) as node:
        catalog = catalog_for(options, sources, node, limits)
        present = limits.run(lambda: survey(node, catalog))
    plan = DryRun(catalog, present)
    if options.json:
        output.as_json(plan.document())
    else:
        for line in [*plan.lines(), *output.snapshot_lines(catalog)]:
            output.say(line)
    return codes.OK


def _to_stdout(options: argparse.Namespace, settings: NodeSettings) -> int:
    """Writes one object to standard output, and nothing else."""
    if not options.stdout_is_open:
        raise InvalidRequestError(
            "Standard output is closed",
            object=next(iter(options.sources), None),
            remedy="Redirect it, or name a destination on disk",
        )
    limits = CallLimits(options.deadline, None)
    sources = wanted(options)
    # On a terminal a bar would run through the object's own lines.
    shown = not (options.quiet or sys.stdout.isatty())
    with (
        temporary_place() as place,
        open_node(settings) as node,
        output.progress(options.progress, options.configured_progress, shown=shown) as on_progress,
    ):
        tell_of_lookups(limits, node, on_progress)
        catalog = catalog_for(options, [_at(each, str(place)) for each in sources], node, limits)
        with contextlib.closing(OrderedWriter(catalog, place, sys.stdout.fileno())) as writer:
            try:
                fetch(
                    node,
                    catalog,
                    stores_of(sources),
                    settings=settings,
                    durability=Durability.NONE,
                    limits=limits,
                    on_progress=on_progress,
                    on_event=writer,
                )
                writer.check_done()
            except BrokenPipeError:
                return codes.BROKEN_PIPE
    return codes.OK


def _at(one: Wanted, place: str) -> Wanted:
    """The same source with another destination."""
    return Wanted(Operand(one.operand.source, place), one.source)
