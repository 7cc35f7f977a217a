"""The command line: commands, options, their types and help."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from xfd_api.paths import is_utf8
from xfd_dataplane import __version__
from xfd_dataplane.cli.codes import MEANINGS
from xfd_dataplane.cli.shared_options import (
    SOURCE,
    add_output,
    add_patterns,
    add_pins,
    add_store,
    add_transfer,
    add_unpacking,
    check_request,
)

COMMANDS = ("get", "ls", "verify")

STDOUT = "-"
"""The destination that is standard output; a file of that name is `./-`."""


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
        parser.error("name a source, or one of the commands get, ls, verify")
    options = parser.parse_args(words[1:])
    options.command = words[0]
    if options.command == "get":
        _check_get(parser, options)
    if options.command == "verify":
        is_source = "://" in options.paths[0]
        if is_source and len(options.paths) > 2:
            parser.error("verify takes one source and its destination, or paths alone")
        if not is_source and (options.include or options.exclude):
            parser.error("--include and --exclude go with a source")
        options.source = options.paths[0] if is_source else None
    return options


def _check_get(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    check_request(parser, options)
    if options.destination == STDOUT:
        if options.unpack is not None:
            parser.error("--unpack needs a destination on disk; pipe it to tar instead")
        if options.json and not options.dry_run:
            parser.error("--json and the object cannot both go to standard output")


def make_parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of the whole command line, and those of the commands."""
    codes = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())
    parser = argparse.ArgumentParser(
        prog="xfd-get",
        description="Fetches objects and prefixes from S3, Google Cloud Storage, Azure, a Hugging\n"
        "Face hub, a web server or a directory. Verifies every byte, resumes interrupted\n"
        "runs, and unpacks archives while they arrive.",
        epilog=f"{_EXAMPLES}\n\nexit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"xfd-get {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="{get,ls,verify}")
    get = commands.add_parser(
        "get", help="fetch an object, a prefix, or all objects that match a pattern"
    )
    ls = commands.add_parser("ls", help="list objects of a store")
    verify = commands.add_parser("verify", help="read landed files again and compare them")
    _get(get)
    _ls(ls)
    _verify(verify)
    return parser, {"get": get, "ls": ls, "verify": verify}


_EXAMPLES = """get is the default command:
  xfd-get s3://bucket/key DEST
  xfd-get hf://org/model                      into the hub cache, for from_pretrained
  xfd-get hf://org/model@v1.0 DIR --include '*.safetensors'
  xfd-get https://host/file DEST --sha256 HEX
  xfd-get gs://bucket/prefix/ DIR
  xfd-get az://container/prefix/ DIR --account NAME

credentials come from where the tools of each store have them: the AWS chain, HF_TOKEN or the
token file, Google's application default credentials, AZURE_* variables, .netrc (--netrc)"""


def _get(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help=SOURCE)
    parser.add_argument(
        "destination",
        nargs="?",
        help="a file, or a folder if it ends in /, exists, or gets several objects (default: ., "
        "and for hf:// the hub cache); - for standard output",
    )
    add_patterns(parser)
    add_unpacking(parser)
    add_pins(parser)
    add_transfer(parser)
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="fetch nothing; print what would be fetched and what is here already",
    )
    parser.add_argument("--quiet", action="store_true", help="print no progress and no summary")
    add_output(parser)
    add_store(parser)


def _ls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help=SOURCE)
    add_output(parser)
    add_store(parser)


def _verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="[SOURCE DEST | PATH ...]",
        help="a source and its destination, to compare with the store and the records; or files "
        "and folders, to compare with their records alone",
    )
    add_patterns(parser)
    add_output(parser)
    add_store(parser)
