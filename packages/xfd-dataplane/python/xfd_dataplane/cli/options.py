"""The command line: which command, and whether its options make sense together."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from xfd_api.paths import is_utf8
from xfd_dataplane.cli.operands import STDOUT, is_source
from xfd_dataplane.cli.parsers import COMMANDS, make_parsers
from xfd_dataplane.cli.shared_options import check_request, check_sources

_AS_CAT: dict[str, object] = {
    "command": "get",
    "destination": STDOUT,
    "dry_run": False,
    "exclude": [],
    "force": False,
    "from_file": None,
    "include": [],
    "json": False,
    "max_entries": None,
    "max_ratio": None,
    "max_unpacked": None,
    "report": None,
    "unpack": None,
}
"""`cat SOURCE` is `get SOURCE -`, without the options that have no meaning for it."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; the command is `get` if none is named. Exits with 2 if they make no sense."""
    words = list(arguments)
    if words and words[0] not in (*COMMANDS, "-h", "--help", "--version"):
        words.insert(0, "get")
    whole, by_command = make_parsers()
    # The command's own parser shows its own usage with an error.
    parser = by_command[words[0]] if words and words[0] in COMMANDS else whole
    for word in words:
        if not is_utf8(word):
            parser.error(f"{word!a} is not UTF-8")
    if parser is whole:
        whole.parse_args(words)
        parser.error(f"name a source, or one of the commands {', '.join(COMMANDS)}")
    # A command with commands of its own cannot be mixed.
    is_nested = words[0] == "cache"
    read = parser.parse_args if is_nested else parser.parse_intermixed_args
    options = read(words[1:])
    options.command = words[0]
    if options.command == "get":
        _check_get(parser, options)
    elif options.command == "cat":
        vars(options).update(_AS_CAT, sources=[options.source])
    elif options.command == "config":
        if (options.file is None) is (options.action == "check"):
            parser.error("write config show, or config check FILE")
        if options.origin and options.action == "check":
            parser.error("--origin goes with config show")
    elif options.command == "verify":
        is_stored = is_source(options.paths[0])
        if is_stored and len(options.paths) > 2:
            parser.error("verify takes one source and its destination, or paths alone")
        if not is_stored and (options.include or options.exclude):
            parser.error("--include and --exclude go with a source")
        options.source = options.paths[0] if is_stored else None
    return options


def _check_get(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    check_sources(parser, options, "or a list of them with --from-file")
    check_request(parser, options)
    if options.report is not None and (options.dry_run or options.destination == STDOUT):
        parser.error("--report goes with a download to disk")
    if options.destination == STDOUT:
        if options.unpack is not None:
            parser.error("--unpack needs a destination on disk; pipe it to tar instead")
        if options.json and not options.dry_run:
            parser.error("--json and the object cannot both go to standard output")
