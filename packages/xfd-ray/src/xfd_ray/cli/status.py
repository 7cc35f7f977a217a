"""`xfd status`: what runs on the cluster now, and how far each node is."""

from __future__ import annotations

import argparse
import sys
import time

from xfd_dataplane.cli import codes, output
from xfd_dataplane.cli.argument_types import seconds
from xfd_ray.cli.command_parser import Commands, add_command

EVERY_S = 2.0
"""How often `--watch` looks, in seconds."""

_DESCRIPTION = """\
Shows what runs on the cluster: each swarm with its calls and how far they are, and each node with
its rate, its disk and why it waits. A cluster without a coordinator has nothing to show: the
coordinator ends some time after the last call."""

_EXAMPLES = """
  xfd status                      once
  xfd status --watch              again every two seconds, until Ctrl-C
  xfd status --json | jq '.coordinators[].swarms[].leases[].progress'
  xfd status --watch 10 --json    a document each line, for a program
"""


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = add_command(
        commands,
        "status",
        run,
        help="show what runs on the cluster, and how far each node is",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    parser.add_argument(
        "-w",
        "--watch",
        nargs="?",
        const=EVERY_S,
        type=seconds,
        metavar="SECONDS",
        help=f"look again after so many seconds, until Ctrl-C (default: {EVERY_S:g})",
    )


def run(options: argparse.Namespace) -> int:
    """Carries out `status`; ending `--watch` by Ctrl-C is no failure."""
    from xfd_dataplane.cli.signals import signals_unwrapped
    from xfd_ray.cli.connection import connected

    with connected(options):
        if options.watch is None:
            _print(options)
        else:
            try:
                with signals_unwrapped():
                    _watch(options)
            except KeyboardInterrupt:
                return codes.OK
    return codes.OK


def _print(options: argparse.Namespace) -> None:
    import xfd_ray
    from xfd_ray.cli.status_view import document, parts
    from xfd_ray.cli.tables import show

    statuses = xfd_ray.status()
    if options.json:
        output.as_json(document(statuses))
    else:
        show(*parts(statuses))


def _watch(options: argparse.Namespace) -> None:
    """On a terminal one view that changes; elsewhere views after each other, each with its time.

    A coordinator that does not answer may do so the next time.
    """
    from xfd_api.errors import CoordinatorLostError

    if options.json or not sys.stdout.isatty():
        while True:
            if not options.json:
                output.say(time.strftime("%Y-%m-%d %H:%M:%S"))
            try:
                _print(options)
            except CoordinatorLostError as error:
                if options.json:
                    output.as_json(output.error_document(error, names_node=True))
                else:
                    output.say(output.error_line(error))
            sys.stdout.flush()
            time.sleep(options.watch)
    import xfd_ray
    from xfd_ray.cli.status_view import parts
    from xfd_ray.cli.tables import live

    with live() as update:
        while True:
            try:
                update(*parts(xfd_ray.status()))
            except CoordinatorLostError as error:
                update(output.error_line(error))
            time.sleep(options.watch)
