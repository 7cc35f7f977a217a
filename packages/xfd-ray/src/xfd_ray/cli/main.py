"""The program `xfd`: its commands, and how a command line is read.

A command is a module with `add(commands)`, which makes its parser with `command_parser.add_command`
and so names the function that carries it out. Such modules import little: whatever a command needs
is imported when it runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from xfd_api.paths import is_utf8
from xfd_dataplane.cli import process
from xfd_ray import __version__
from xfd_ray.cli import (
    cache,
    completion,
    config,
    dashboards,
    doctor,
    get,
    metrics,
    plan,
    report,
    status,
    verify,
)
from xfd_ray.cli.command_parser import CommandModule, Commands, exit_codes

MODULES: tuple[CommandModule, ...] = (
    get,
    plan,
    status,
    verify,
    report,
    cache,
    doctor,
    dashboards,
    metrics,
    config,
    completion,
)
"""The commands, in the order in which the help lists them."""

_DESCRIPTION = """\
Brings large files to every node of a Ray cluster, and shows what happens there. Each byte leaves
the object store once; the nodes pass it on to each other."""

_EXAMPLES = """\
examples:
  xfd get s3://bucket/llama/ models/llama
  xfd get hf://org/model                into the hub cache of every node
  xfd status --watch                    what runs, and how far each node is
  xfd cache du --cluster                what each node keeps
  xfd doctor                            what is missing, and what to do
  xfd dashboards install                the Grafana dashboard, into Ray's running session
  xfd metrics targets --file xfd.json   what Prometheus may scrape, beside Ray's agents
  xfd config show --origin              the settings that hold, and where they come from

a cluster is found as Ray finds it: by --address, by RAY_ADDRESS, or on this machine.
`xfd COMMAND --help` shows examples of each command; --json prints its result for a program."""


def run(arguments: Sequence[str] | None) -> int:
    """See `cli.main`."""
    return process.run(
        process.Program("xfd", parse, _run, resumes=frozenset({"get"}), names_nodes=True),
        arguments,
    )


def parse(
    arguments: Sequence[str], modules: Sequence[CommandModule] = MODULES
) -> argparse.Namespace:
    """The options of a command line. Exits with 2 if it makes no sense."""
    words = list(arguments)
    parser = whole = make_parser(modules)
    for word in words:
        if not is_utf8(word):
            parser.error(f"{word!a} is not UTF-8")
    named: list[str] = []
    # The command's own parser shows its own usage with an error, and takes options between words.
    while words and words[0] in (below := commands_of(parser)):
        named.append(words.pop(0))
        parser = below[named[-1]]
    if commands_of(parser):
        parser.parse_args(words)  # It prints the help, or what is wrong, and ends the process.
        parser.error("name a command")
    options = parser.parse_intermixed_args(words)
    options.command, options.whole_parser = " ".join(named), whole
    check = parser.get_default("check")
    if check is not None:
        check(parser, options)
    return options


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands below a parser, by their names; empty for a command that runs something."""
    groups = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    return {name: below for group in groups for name, below in group.choices.items()}


def make_parser(modules: Sequence[CommandModule] = MODULES) -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="xfd",
        description=_DESCRIPTION,
        epilog=f"{_EXAMPLES}\n\n{exit_codes()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"xfd {__version__}")
    commands: Commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, title="commands"
    )
    for module in modules:
        module.add(commands)
    return parser


def _run(options: argparse.Namespace) -> int:
    code: int = options.run(options)
    return code
