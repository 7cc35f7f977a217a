"""`xfd-get ls`: lists what a store has."""

from __future__ import annotations

import argparse

from xfd_api.profiles import by_profile
from xfd_dataplane.cancellation import CallLimits
from xfd_dataplane.cli import codes, output
from xfd_dataplane.cli.sources import named_source
from xfd_dataplane.downloading import open_node
from xfd_dataplane.listing import find


def run(options: argparse.Namespace) -> int:
    """Carries out `ls`, and returns the exit code."""
    source = named_source(options)
    stores = by_profile(source.config)
    with open_node() as node:
        found = CallLimits(None, None).run(
            lambda: find(node, stores, source.config.kind, source.bucket, source.key)
        )
    if options.json:
        output.as_json(output.listing_document(found))
    else:
        for line in output.listing_lines(found):
            output.say(line)
    return codes.OK
