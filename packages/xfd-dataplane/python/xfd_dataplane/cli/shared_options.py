"""Options that commands have in common: `xfd-get` and the command of a cluster, `xfd`."""

from __future__ import annotations

import argparse

from xfd_api.errors import InvalidRequestError
from xfd_api.progress_modes import PROGRESS_MODES
from xfd_api.requests import Links, UnpackMethod
from xfd_dataplane.cli.argument_types import (
    checksum,
    checksum_by,
    count,
    header,
    ratio,
    seconds,
    size,
)
from xfd_dataplane.cli.operands import split_words

SOURCE = (
    "s3://bucket/key, s3://bucket/prefix/, s3://bucket/dir/*.bin (** crosses folders), the same "
    "with gs://bucket and az://container, hf://ORG/NAME[@REVISION][/PATH], "
    "hf://datasets/ORG/NAME..., https://host/file, file:///folder/file"
)


def add_patterns(parser: argparse.ArgumentParser) -> None:
    """`--include` and `--exclude`."""
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


def add_unpacking(parser: argparse.ArgumentParser) -> None:
    """How an archive is unpacked; `check_request` says what goes together."""
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
        "--conda-unpack",
        action="store_true",
        help="the archive is an environment of conda-pack: run its conda-unpack too",
    )
    parser.add_argument(
        "--no-keep-archive", action="store_true", help="remove the archive after unpacking"
    )


def add_pins(parser: argparse.ArgumentParser) -> None:
    """The checksum that an object must have; `--sha256` and `--md5` are short forms."""
    pins = parser.add_argument_group("checksum that the one object must have")
    one = pins.add_mutually_exclusive_group()
    one.add_argument(
        "--checksum",
        type=checksum,
        metavar="ALGO:HEX",
        help="verified before the object gets its name; ALGO is sha256, md5, crc64nvme, crc32c, "
        "crc32 or git-sha1",
    )
    for algorithm in ("sha256", "md5"):
        one.add_argument(
            f"--{algorithm}",
            type=checksum_by(algorithm),
            dest="checksum",
            metavar="HEX",
            help=f"short for --checksum {algorithm}:HEX, as {algorithm}sum prints it",
        )


def add_transfer(parser: argparse.ArgumentParser) -> None:
    """How bytes are moved and written; `node_settings.settings_of` reads most of it."""
    parser.add_argument(
        "--force", action="store_true", help="fetch again what is valid at the destination"
    )
    parser.add_argument(
        "--durability",
        choices=("object", "none"),
        help="object: sync a file to disk before it gets its name (default); none: do not sync",
    )
    add_rates(parser)
    add_caps(parser)


def add_rates(parser: argparse.ArgumentParser) -> None:
    """How bytes are moved."""
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
        "--verify-whole",
        action=argparse.BooleanOptionalAction,
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


def add_caps(parser: argparse.ArgumentParser) -> None:
    """Limits for an archive to unpack."""
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


def check_sources(parser: argparse.ArgumentParser, options: argparse.Namespace, also: str) -> None:
    """Splits `words` into sources and destination. Exits with 2 if that makes no sense.

    Args:
        parser: of the command.
        options: what it read, with `from_file`.
        also: what else could be named in place of a source.
    """
    try:
        options.sources, options.destination = split_words(
            options.words, from_file=options.from_file is not None
        )
    except InvalidRequestError as error:
        parser.error(f"{error.what}: {error.object}. {error.remedy}")
    if not options.sources and options.from_file is None:
        parser.error(f"name a source, {also}")


def check_request(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Exits with 2 if options of `add_unpacking` do not go together."""
    if options.no_keep_archive and options.unpack is None:
        parser.error("--no-keep-archive goes with --unpack")
    if options.unpack_method != UnpackMethod.Auto.value and options.unpack is None:
        parser.error("--unpack-method goes with --unpack")
    if options.links != Links.Safe.value and options.unpack is None:
        parser.error("--links goes with --unpack")
    if options.conda_unpack and options.unpack is None:
        parser.error("--conda-unpack goes with --unpack")
    if options.unpack is not None and "://" in options.unpack:
        parser.error("--unpack took the source for its folder; write --unpack=DIR, or put it last")


def add_store(parser: argparse.ArgumentParser) -> None:
    """How a store is reached; `store_options.store_options` reads it."""
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


def add_output(parser: argparse.ArgumentParser) -> None:
    """`--json`."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON to stdout")


def add_report(parser: argparse.ArgumentParser) -> None:
    """`--report`."""
    parser.add_argument(
        "--report",
        metavar="RUN.json",
        help="save the report here, for `xfd report RUN.json -o PAGE.html`",
    )


def add_progress(parser: argparse.ArgumentParser) -> None:
    """`--progress`."""
    parser.add_argument(
        "--progress",
        choices=PROGRESS_MODES,
        help="how to show progress on stderr (default: XFD_PROGRESS, else auto: bars on a "
        "terminal, elsewhere a line every ten seconds)",
    )


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """`-q`."""
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="print no progress and no summary"
    )


def add_verbose(parser: argparse.ArgumentParser) -> None:
    """`-v`; `log_lines.show_log` reads it."""
    parser.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="print what the data plane logs to stderr, such as retries; -vv for each step",
    )
