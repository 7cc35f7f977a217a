"""The command line: commands, options, their types and help."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from xfd_api.paths import is_utf8
from xfd_api.requests import Links, UnpackMethod
from xfd_dataplane import __version__
from xfd_dataplane.cli.argument_types import count, header, ratio, seconds, size
from xfd_dataplane.cli.codes import MEANINGS

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
    if options.no_keep_archive and options.unpack is None:
        parser.error("--no-keep-archive goes with --unpack")
    if options.unpack_method != UnpackMethod.Auto.value and options.unpack is None:
        parser.error("--unpack-method goes with --unpack")
    if options.links != Links.Safe.value and options.unpack is None:
        parser.error("--links goes with --unpack")
    if options.unpack is not None and "://" in options.unpack:
        parser.error("--unpack took the source for its folder; write --unpack=DIR, or put it last")
    if options.destination == STDOUT:
        if options.unpack is not None:
            parser.error("--unpack needs a destination on disk; pipe it to tar instead")
        if options.json and not options.dry_run:
            parser.error("--json and the object cannot both go to standard output")
    if options.sha256 is not None and options.md5 is not None:
        parser.error("give one of --sha256 and --md5")


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


def _patterns(parser: argparse.ArgumentParser) -> None:
    for name, what in (
        ("include", "fetch only matching keys"),
        ("exclude", "leave out matching keys"),
    ):
        parser.add_argument(
            f"--{name}",
            action="append",
            default=[],
            metavar="PATTERN",
            help=f"{what} in a prefix: a pattern of keys below it with *, ? and [abc] (* crosses "
            "folders), or a folder as dir/; may be given several times",
        )


_EXAMPLES = """get is the default command:
  xfd-get s3://bucket/key DEST
  xfd-get hf://org/model                      into the hub cache, for from_pretrained
  xfd-get hf://org/model@v1.0 DIR --include '*.safetensors'
  xfd-get https://host/file DEST --sha256 HEX
  xfd-get gs://bucket/prefix/ DIR
  xfd-get az://container/prefix/ DIR --account NAME

credentials come from where the tools of each store have them: the AWS chain, HF_TOKEN or the
token file, Google's application default credentials, AZURE_* variables, .netrc (--netrc)"""


def _store(parser: argparse.ArgumentParser) -> None:
    store = parser.add_argument_group("store")
    store.add_argument(
        "--endpoint-url",
        metavar="URL",
        help="URL of another store than the public one of S3, Google, Azure or the hub",
    )
    store.add_argument("--region", help="the bucket's region (default: looked up)")
    store.add_argument("--profile", help="a profile of the AWS configuration files")
    store.add_argument(
        "--no-sign-request", action="store_true", help="send no credentials, for public buckets"
    )
    store.add_argument(
        "--request-payer", choices=["requester"], help="pay for the requests to the bucket"
    )
    store.add_argument("--account", metavar="NAME", help="storage account of an az:// source")
    store.add_argument(
        "--header",
        type=header,
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="send a header with each request to a web server, and to no other host; @FILE reads "
        "them from a file, which keeps secrets off the command line; may be given several times",
    )
    store.add_argument(
        "--token-file",
        metavar="FILE",
        help="a file with the bearer token for a web server, a hub or Google (default: the "
        "store's own chain, such as HF_TOKEN)",
    )
    store.add_argument(
        "--netrc",
        action="store_true",
        help="log in to a web server with its entry in .netrc, or in the file that NETRC names",
    )


def _output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON to stdout")


_SOURCE = (
    "s3://bucket/key, s3://bucket/prefix/, s3://bucket/dir/*.bin (** crosses folders), the same "
    "with gs://bucket and az://container, hf://ORG/NAME[@REVISION][/PATH], "
    "hf://datasets/ORG/NAME..., https://host/file, file:///folder/file"
)


def _get(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help=_SOURCE)
    parser.add_argument(
        "destination",
        nargs="?",
        help="a file, or a folder if it ends in /, exists, or gets several objects (default: ., "
        "and for hf:// the hub cache); - for standard output",
    )
    _patterns(parser)
    parser.add_argument(
        "--unpack",
        nargs="?",
        const="",
        metavar="DIR",
        help="unpack the archive into DIR (default: its name without the extension)",
    )
    parser.add_argument(
        "--unpack-method",
        choices=[method.value for method in UnpackMethod],
        default=UnpackMethod.Auto.value,
        help="the archive's format (default: by its extension)",
    )
    parser.add_argument(
        "--links",
        choices=[links.value for links in Links],
        default=Links.Safe.value,
        help="keep: for a trusted archive, keep links to anywhere, and leave out devices "
        "(default: safe)",
    )
    parser.add_argument(
        "--no-keep-archive", action="store_true", help="remove the archive after unpacking"
    )
    parser.add_argument(
        "--force", action="store_true", help="fetch again what is valid at the destination"
    )
    pins = parser.add_argument_group("checksums that one object must have")
    pins.add_argument("--sha256", metavar="HEX", help="as sha256sum prints it")
    pins.add_argument("--md5", metavar="HEX", help="as md5sum prints it")
    parser.add_argument(
        "--chunk-size", type=size, metavar="SIZE", help="bytes per range, up to 100MiB"
    )
    parser.add_argument("--parallel", type=count, metavar="N", help="ranges fetched at once")
    parser.add_argument("--attempts", type=count, metavar="N", help="tries per request")
    parser.add_argument("--limit-rate", type=size, metavar="SIZE", help="bytes per second")
    parser.add_argument(
        "--memory-budget",
        type=size,
        metavar="SIZE",
        help="limit on bytes in flight (default: 64MiB)",
    )
    parser.add_argument(
        "--durability",
        choices=("object", "none"),
        default="object",
        help="object: sync a file to disk before it gets its name (default); none: do not sync",
    )
    parser.add_argument(
        "--verify-whole",
        action="store_true",
        help="read the finished file again if the store has only a SHA-256 or an MD5 of it",
    )
    parser.add_argument(
        "--connect-timeout",
        type=seconds,
        metavar="SECONDS",
        help="time-out of a connection (default: 5)",
    )
    parser.add_argument(
        "--read-timeout",
        type=seconds,
        metavar="SECONDS",
        help="longest silence before a request is retried (default: 20)",
    )
    parser.add_argument(
        "--deadline", type=seconds, metavar="SECONDS", help="longest time for the whole command"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="fetch nothing; print what would be fetched and what is here already",
    )
    parser.add_argument("--quiet", action="store_true", help="print no progress and no summary")
    caps = parser.add_argument_group("limits for an archive to unpack")
    caps.add_argument(
        "--max-entries", type=count, metavar="N", help="most entries (default: 10,000,000)"
    )
    caps.add_argument(
        "--max-unpacked",
        type=size,
        metavar="SIZE",
        help="most bytes of all files (default: no limit)",
    )
    caps.add_argument(
        "--max-ratio",
        type=ratio,
        metavar="N",
        help="most unpacked bytes per archived byte, above 100MiB (default: 250)",
    )
    _output(parser)
    _store(parser)


def _ls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help=_SOURCE)
    _output(parser)
    _store(parser)


def _verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="[SOURCE DEST | PATH ...]",
        help="a source and its destination, to compare with the store and the records; or files "
        "and folders, to compare with their records alone",
    )
    _patterns(parser)
    _output(parser)
    _store(parser)
