"""The parsers of the command line: the commands, their operands, options and help."""

from __future__ import annotations

import argparse

from xfd_dataplane import __version__
from xfd_dataplane.cli import cache_options, config
from xfd_dataplane.cli.codes import MEANINGS
from xfd_dataplane.cli.shared_options import (
    SOURCE,
    add_output,
    add_patterns,
    add_pins,
    add_progress,
    add_quiet,
    add_rates,
    add_report,
    add_store,
    add_transfer,
    add_unpacking,
    add_verbose,
)

COMMANDS = ("get", "cat", "ls", "verify", "cache", "config")

_EXAMPLES = """get is the default command:
  xfd-get s3://bucket/key DEST
  xfd-get s3://bucket/one hf://org/model DIR/     several sources into a folder
  xfd-get --from-file LIST DIR/                   a SOURCE [DEST] on each line; - for stdin
  xfd-get hf://org/model                          into the hub cache, for from_pretrained
  xfd-get hf://org/model@v1.0 DIR --include '*.safetensors'
  xfd-get https://host/file DEST --checksum sha256:HEX
  xfd-get az://container/prefix/ DIR --account NAME
  xfd-get -n gs://bucket/prefix/ DIR              what would be fetched, and what is here
  xfd-get cat s3://bucket/logs.tar.gz | tar tz
  xfd-get config show --origin                    settings, and where they come from

credentials come from where the tools of each store have them: the AWS chain, HF_TOKEN or the
token file, Google's application default credentials, AZURE_* variables, .netrc (--netrc)"""


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
    commands = parser.add_subparsers(dest="command", metavar="{" + ",".join(COMMANDS) + "}")
    get = commands.add_parser(
        "get",
        help="fetch objects, prefixes, or all objects that match a pattern",
        usage="xfd-get get [OPTION ...] SOURCE ... [DEST]\n"
        "       xfd-get get [OPTION ...] --from-file LIST [SOURCE ...] [DEST]",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cat = commands.add_parser("cat", help="write one object to standard output")
    ls = commands.add_parser("ls", help="list objects of a store")
    verify = commands.add_parser("verify", help="read landed files again and compare them")
    settings = commands.add_parser(
        "config",
        help="show the settings that hold, or check a file of them",
        description=config.DESCRIPTION,
    )
    _get(get)
    _cat(cat)
    _ls(ls)
    _verify(verify)
    cache = commands.add_parser("cache", help=cache_options.HELP)
    cache_options.add_cache(cache)
    cache.set_defaults(profile=None, verbose=False)
    _config(settings)
    by_command = {"get": get, "cat": cat, "ls": ls, "verify": verify}
    return parser, {**by_command, "cache": cache, "config": settings}


def _get(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs="*",
        metavar="SOURCE ... [DEST]",
        help=f"SOURCE: {SOURCE}. DEST, the last word: a file, or a folder if it ends in /, "
        "exists, or gets several objects (default: ., and for hf:// the hub cache); - for standard "
        "output. Several sources land in the folder DEST, each under its own name",
    )
    parser.add_argument(
        "--from-file",
        metavar="LIST",
        help="fetch what a file lists, or standard input for -: a SOURCE [DEST] on each line, "
        "relative to the command's DEST; lines that start with # are comments",
    )
    add_patterns(parser)
    add_unpacking(parser)
    parser.add_argument(
        "-n",
        "--dry-run",
        action="store_true",
        help="fetch nothing; print what would be fetched and what is here already",
    )
    add_report(parser)
    add_quiet(parser)
    add_progress(parser)
    add_verbose(parser)
    add_output(parser)
    add_pins(parser)
    add_transfer(parser)
    add_store(parser)


def _cat(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Writes the bytes of one object in order, each chunk once it is verified. The checksum of "
        "the whole is compared before the output ends: check the exit code. The object passes "
        "through a file below XFD_ROOT, which needs room for it."
    )
    parser.add_argument("source", metavar="SOURCE", help=SOURCE)
    add_quiet(parser)
    add_progress(parser)
    add_verbose(parser)
    add_pins(parser)
    add_rates(parser)
    add_store(parser)


def _ls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help=SOURCE)
    add_verbose(parser)
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
    add_verbose(parser)
    add_output(parser)
    add_store(parser)


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=("show", "check"),
        help=f"show: {config.SHOW_HELP}; check: {config.CHECK_HELP}",
    )
    parser.add_argument("file", nargs="?", metavar="FILE", help="the file to check")
    config.add_show(parser)
    add_output(parser)
    parser.set_defaults(profile=None, verbose=0)
