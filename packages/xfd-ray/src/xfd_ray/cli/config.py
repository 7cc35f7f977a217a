"""`xfd config`: the settings of calls and commands, and where each comes from."""

from __future__ import annotations

import argparse

from xfd_dataplane.cli import config
from xfd_ray.cli.command_parser import Commands, add_command

_SHOW = """
  xfd config show                   what holds here, as a file that can be copied
  xfd config show --origin          with the variable, or the file and line, of each
"""
_CHECK = """
  xfd config check xfd.toml
"""


def add(commands: Commands) -> None:
    """Adds `config` and its commands."""
    parser = commands.add_parser(
        "config",
        help="show the settings that hold and where they come from; check a file of them",
        description=config.DESCRIPTION,
        epilog=f"examples:\n{_SHOW.strip(chr(10))}{_CHECK.rstrip()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    below: Commands = parser.add_subparsers(
        dest="subcommand", metavar="COMMAND", required=True, title="commands"
    )
    show = add_command(
        below, "show", config.show, help=config.SHOW_HELP, examples=_SHOW, on_cluster=False
    )
    config.add_show(show)
    check = add_command(
        below, "check", config.check, help=config.CHECK_HELP, examples=_CHECK, on_cluster=False
    )
    config.add_check(check)
