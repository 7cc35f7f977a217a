"""`xfd-get cache`: what xfd keeps on this host."""

from __future__ import annotations

import argparse
import time

from xfd_dataplane.cli import codes, output
from xfd_dataplane.cli.cache_options import action_of


def run(options: argparse.Namespace) -> int:
    """Carries out a command of `cache` on this host, and returns the exit code."""
    from xfd_dataplane.cache.actions import carry_out
    from xfd_dataplane.cli.cache_text import complaints, lines

    action = action_of(options)
    document = carry_out(action)
    kept = list(complaints(document))
    if options.json:
        output.as_json({"ok": not kept, **document})
    else:
        for line in lines(action, document, now=time.time()):
            output.say(line)
    for line in kept:
        output.complain(line)
    return codes.DESTINATION if kept and action.command == "rm" else codes.OK
