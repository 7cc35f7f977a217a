"""`xfd-get verify`: reads landed files again and compares them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from xfd_dataplane.cli import codes, output
from xfd_dataplane.cli.selection import resolved
from xfd_dataplane.cli.source_requests import request_for, requests_for_matches
from xfd_dataplane.cli.sources import named_source
from xfd_dataplane.downloading import open_node
from xfd_dataplane.listing import list_objects

if TYPE_CHECKING:
    from xfd_dataplane.verification import VerifyReport


def run(options: argparse.Namespace) -> int:
    """Carries out `verify`, and returns the exit code."""
    report = _report(options)
    if options.json:
        output.as_json(output.verify_document(report))
    else:
        for mismatch in report.mismatches:
            output.complain(f"{mismatch.path}: {mismatch.problem}: {mismatch.detail}")
        output.say(output.verify_line(report))
    return codes.OK if report.ok else codes.VERIFICATION


def _report(options: argparse.Namespace) -> VerifyReport:
    # Imported here, so that the other commands start sooner.
    from xfd_dataplane.verification import verify, verify_paths

    if options.source is None:
        return verify_paths(Path(path) for path in options.paths)
    destination = options.paths[1] if len(options.paths) > 1 else None
    source = named_source(options)
    with open_node() as node:
        source = resolved(source, node)
    if source.is_pattern:
        matches = list_objects(source.uri(source.key), source.config)
        requests = requests_for_matches(source, matches, destination)
    else:
        requests = [
            request_for(source, destination, include=options.include, exclude=options.exclude)
        ]
    return verify(requests, source.config)
