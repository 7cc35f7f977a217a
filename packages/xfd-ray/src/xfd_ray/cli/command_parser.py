"""What the parsers of all commands have in common: help that teaches, and shared options."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Protocol, TypeAlias

from xfd_dataplane.cli import codes
from xfd_dataplane.cli.shared_options import add_output

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""Where the parsers of commands are added: of `xfd`, or of a command that has commands itself."""

Run = Callable[[argparse.Namespace], int]
"""Carries out a command, and returns its exit code; `xfd_dataplane.cli.codes` explains each."""

_CLUSTER_MEANINGS = {
    codes.NOT_FOUND: "no such object, bucket, prefix or node",
    codes.UNREACHABLE: "the store or the cluster did not answer; worth trying again",
}


class CommandModule(Protocol):
    """A module of a command."""

    def add(self, commands: Commands) -> None:
        """Adds the command's parser."""
        ...


def exit_codes() -> str:
    """The exit codes of `xfd`, for its help."""
    meanings = {**codes.MEANINGS, **_CLUSTER_MEANINGS}
    lines = [f"  {code:>3}  {meaning}" for code, meaning in meanings.items()]
    return "\n".join(["exit codes:", *lines])


def add_command(
    commands: Commands,
    name: str,
    run: Run,
    *,
    help: str,
    examples: str,
    description: str | None = None,
    on_cluster: bool = True,
) -> argparse.ArgumentParser:
    """Adds a command with `--json`; options of its own are added to the parser that is returned.

    Args:
        commands: what `add` of the command's module was given.
        name: the command's name.
        run: carries the command out.
        help: what it does, on one line, for the list of all commands.
        examples: lines that a user may type, with what each is for; the end of its help.
        description: what it does, in sentences; `help` by default.
        on_cluster: whether it takes options that say how to connect to Ray; see `connection`.
    """
    parser = commands.add_parser(
        name,
        help=help,
        description=description or f"{help[:1].upper()}{help[1:]}.",
        epilog=f"examples:\n{examples.strip(chr(10))}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    add_output(parser)
    if on_cluster:
        add_connection(parser)
    return parser


def add_connection(parser: argparse.ArgumentParser) -> None:
    """How to connect to Ray; `connection.connected` reads it."""
    cluster = parser.add_argument_group("cluster")
    cluster.add_argument(
        "--address",
        metavar="ADDRESS",
        help="address of the Ray cluster, as HOST:PORT or ray://HOST:PORT (default: RAY_ADDRESS, "
        "else the cluster that this machine is part of)",
    )
    cluster.add_argument(
        "-e",
        "--env",
        action="append",
        default=[],
        type=_variable,
        metavar="NAME[=VALUE]",
        help="give the nodes a variable, such as XFD_ROOT or AWS_PROFILE; without a value, that of "
        "this shell, which keeps secrets off the command line; may be given several times",
    )


def _variable(text: str) -> str:
    name = text.partition("=")[0]
    if not name.isidentifier():
        # The value may be a secret.
        raise argparse.ArgumentTypeError(f"{name!r} is no name of a variable: give NAME[=VALUE]")
    return text
