"""The commands of `cache`, their options, and the actions that they are."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from xfd_dataplane.cli.argument_types import age, size
from xfd_dataplane.cli.shared_options import add_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xfd_dataplane.cache.actions import CacheAction

DESCRIPTION = """\
Shows and tends what xfd keeps on a node. A run's files stay where they landed, and the next run
that wants them finds them. What is removed is only what xfd fetched itself and nobody has changed
since; what a run uses, or is pinned, stays."""

HELP = "list what is kept, its size; remove, prune, pin; clean up after broken runs"

_PATHS = "a destination: a file, an unpacked archive, a prefix's folder, or a folder with several"


def add_cache(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """Adds the commands of `cache` to its parser, and returns the parser of each."""
    parser.description = DESCRIPTION
    return list(_add_commands(parser))


def _add_commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    commands = parser.add_subparsers(
        dest="cache_command", metavar="COMMAND", required=True, title="commands"
    )

    def add(name: str, does: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=does, description=f"{does[:1].upper()}{does[1:]}.")
        added.set_defaults(cache_command=name)
        add_output(added)
        return added

    ls = add("ls", "list what is kept, with sizes and the last use")
    ls.add_argument("paths", nargs="*", metavar="PATH", help=_PATHS + " (default: everything)")
    yield ls
    yield add("du", "sum up what is kept, and show quota, age and free room")
    rm = add("rm", "remove what is at these destinations")
    rm.add_argument("paths", nargs="+", metavar="PATH", help=_PATHS)
    _dry_run(rm)
    yield rm
    prune = add("prune", "remove what is unused for too long, then what exceeds the quota")
    prune.add_argument(
        "--quota", type=size, metavar="SIZE", help="such as 500GiB (default: XFD_CACHE_QUOTA)"
    )
    prune.add_argument(
        "--max-age",
        type=age,
        metavar="TIME",
        help="remove what no run has used for 36h or 30d (default: XFD_CACHE_MAX_AGE)",
    )
    _dry_run(prune)
    yield prune
    for name, does in (("pin", "keep these whatever the quota"), ("unpin", "take pins back")):
        added = add(name, does)
        added.add_argument("paths", nargs="+", metavar="PATH", help=_PATHS)
        yield added
    records = add("records", "list part files, locks and records that serve nothing any more")
    records.add_argument("paths", nargs="*", metavar="FOLDER", help="look here (default: the root)")
    records.add_argument("--remove", action="store_true", help="remove them")
    records.add_argument(
        "--older-than",
        type=age,
        default="24h",
        metavar="TIME",
        help="leave younger part files, which the next run goes on from (default: 24h)",
    )
    yield records


def _dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="say what would go, and remove nothing"
    )


def action_of(options: argparse.Namespace) -> CacheAction:
    """The action that the options ask for."""
    from xfd_api.configuration import load
    from xfd_api.node_configuration import node_settings
    from xfd_dataplane.cache.actions import CacheAction
    from xfd_dataplane.cache.leftovers import OLD_S
    from xfd_dataplane.cache.verdict import CacheLimits

    command = options.cache_command
    only_looks = getattr(options, "dry_run", False)
    return CacheAction(
        command,
        tuple(getattr(options, "paths", ())),
        working_folder=str(Path.cwd()),
        settings=node_settings(load()),
        limits=CacheLimits(getattr(options, "quota", None), getattr(options, "max_age", None)),
        only_looks=not options.remove if command == "records" else only_looks,
        old_s=getattr(options, "older_than", OLD_S),
    )
