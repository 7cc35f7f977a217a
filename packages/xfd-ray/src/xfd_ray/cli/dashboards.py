"""`xfd dashboards`: brings the Grafana dashboard and the rules for Prometheus to where they run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from xfd_dataplane.cli import codes
from xfd_ray.cli.command_parser import Commands, add_command

if TYPE_CHECKING:
    from xfd_ray.dashboards.install import Installed

_EXAMPLES = """
  xfd dashboards install                into the running session of Ray, on its head node
  xfd dashboards install --to ~/xfd     into a folder, to import the dashboard by hand
"""


def add(commands: Commands) -> None:
    """Adds `dashboards` and its commands."""
    parser = commands.add_parser(
        "dashboards",
        help="install the Grafana dashboard and the alert rules",
        description="The Grafana dashboard of xfd, and rules for Prometheus.",
        epilog=f"examples:\n{_EXAMPLES.strip(chr(10))}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    below: Commands = parser.add_subparsers(
        dest="subcommand", metavar="COMMAND", required=True, title="commands"
    )
    install = add_command(
        below,
        "install",
        _install,
        help="copy the dashboard and the rules to where Grafana and Prometheus read them",
        description="Copies the dashboard into the folder that Ray has Grafana read, and the "
        "rules beside the configuration that Ray has made for Prometheus. Both belong to a "
        "session: run it again when the cluster was restarted.",
        examples=_EXAMPLES,
    )
    install.add_argument(
        "--to", type=Path, metavar="DIR", help="copy both into this folder, without a cluster"
    )


def _install(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from xfd_dataplane.cli import output

    installed = _installed(options)
    if options.json:
        output.as_json(asdict(installed))
    else:
        for line in in_words(installed):
            output.say(line)
    return codes.OK


def _installed(options: argparse.Namespace) -> Installed:
    if options.to is not None:
        from xfd_ray.dashboards.install import into_folder

        return into_folder(options.to)
    from xfd_ray.cli.connection import connected
    from xfd_ray.cluster.dashboards import install_on_head

    with connected(options):
        return install_on_head()


def in_words(installed: Installed) -> list[str]:
    """What was copied, and what is left to do, line by line."""
    lines = [f"dashboard  {installed.dashboard}", f"rules      {installed.rules}"]
    if installed.prometheus is None:
        return [
            *lines,
            "",
            "Import the dashboard in Grafana, and name the rules in Prometheus's rule_files.",
        ]
    if not installed.is_rules_loaded:
        lines += ["", f"Add the rules to the rule_files of {installed.prometheus}"]
    return [
        *lines,
        "",
        "On the head node, unless they run (SIGHUP has Prometheus load the rules):",
        f"  prometheus --config.file={installed.prometheus}",
        f"  grafana server --homepath=/usr/share/grafana --config={installed.grafana}",
    ]
