"""What a command line asks for: sources and a destination, or a file of requests."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xfd_api.errors import InvalidRequestError, XfdError
from xfd_dataplane.cli.operands import STDOUT, Operand, is_source
from xfd_dataplane.cli.shared_options import (
    SOURCE,
    add_patterns,
    add_pins,
    add_store,
    add_transfer,
    add_unpacking,
    check_request,
    check_sources,
)

if TYPE_CHECKING:
    from xfd_api.profiles import ObjectStoreConfigByProfile
    from xfd_api.requests import DownloadRequest
    from xfd_dataplane.cli.selection import Selection, Wanted

USAGE = (
    "xfd {0} [OPTION ...] SOURCE ... [DEST]\n"
    "       xfd {0} [OPTION ...] REQUESTS.yaml\n"
    "       xfd {0} [OPTION ...] --from-file LIST [DEST]"
)

FIND_S = 300.0
"""Time for a node to find what patterns match, in seconds."""


@dataclass(frozen=True, slots=True)
class Requested:
    """Arguments of `xfd_ray.download_distributed`."""

    requests: tuple[DownloadRequest, ...]
    stores: ObjectStoreConfigByProfile | None
    priorities: tuple[int, ...] | None = None


def add_requested(parser: argparse.ArgumentParser) -> None:
    """Sources, destination, and how they are fetched; `requested` reads them."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="SOURCE ... [DEST]",
        help=f"SOURCE: {SOURCE}. DEST, the last word, is the same on each node, and lies below the "
        "node's root if it is relative: a file, or a folder if it ends in / or gets several "
        "objects (default: the source's own path in its store, and for hf:// the hub cache). A "
        "single word that ends in .yaml, .yml or .json is a file of requests",
    )
    parser.add_argument(
        "--from-file",
        metavar="LIST",
        help="fetch what a file lists, or standard input for -: a SOURCE [DEST] on each line",
    )
    add_patterns(parser)
    add_unpacking(parser)
    add_pins(parser)
    add_transfer(parser)
    add_store(parser)
    parser.set_defaults(check=_check)


def is_request_file(words: Sequence[str]) -> bool:
    """Whether the words are the name of a file of requests."""
    return (
        len(words) == 1
        and words[0].lower().endswith((".yaml", ".yml", ".json"))
        and (not is_source(words[0]))
    )


def check_words(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Says which of the words are sources. Exits with 2 if they make no sense."""
    options.request_file = None
    options.sources, options.destination = [], None
    if is_request_file(options.words) and options.from_file is None:
        options.request_file = options.words[0]
        return
    check_sources(parser, options, "a file of requests, or a list with --from-file")
    if options.destination == STDOUT:
        parser.error("nodes have no standard output for it; use xfd-get SOURCE - on one host")


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    check_words(parser, options)
    check_request(parser, options)


def requested(options: argparse.Namespace, nodes: Sequence[str]) -> Requested:
    """What the options ask for. Patterns are looked up from a node.

    Args:
        options: with those of `add_requested`.
        nodes: ids of the nodes that take part.

    Raises:
        InvalidRequestError: a source, a request or an option makes no sense.
        XfdError: a store could not be asked what a pattern matches.
    """
    if options.request_file is not None:
        from xfd_ray.cli.request_file import read_request_file

        read = read_request_file(options.request_file)
        return Requested(read.requests, read.stores, read.priorities)
    from xfd_dataplane.cancellation import CallLimits
    from xfd_dataplane.cli.places import EACH_NODE
    from xfd_dataplane.cli.selection import select, wanted

    sources = [_with_destination(each) for each in wanted(options)]
    if any(each.source.is_pattern for each in sources):
        found = _select_there(options, sources, nodes[0])
    else:
        found = select(options, sources, None, CallLimits(None, None), EACH_NODE)
    return Requested(found.requests, found.stores)


def _with_destination(each: Wanted) -> Wanted:
    """The same with the source's own path as the destination, if it has none."""
    operand, source = each.operand, each.source
    if operand.destination is not None or source.is_at_hub:
        return each
    from xfd_dataplane.patterns import literal_folder

    key = literal_folder(source.key) if source.is_pattern else source.key
    name = key.strip("/") or source.config.bucket or ""
    if not name:
        raise InvalidRequestError(
            "The source has no path that could be its destination",
            object=operand.source,
            remedy="Name a destination after it",
        )
    return replace(each, operand=Operand(operand.source, name, line=operand.line))


def _select_there(options: argparse.Namespace, sources: list[Wanted], node: str) -> Selection:
    """Lets a node find what patterns match: it has the way to the store, and credentials."""
    from xfd_ray.cluster.each_node import on_each_node

    needed = (
        *("force", "include", "exclude", "checksum", "destination"),
        *("unpack", "unpack_method", "links", "conda_unpack", "no_keep_archive"),
    )
    shipped = argparse.Namespace(**{name: getattr(options, name, None) for name in needed})
    answers = on_each_node(select_on_node, shipped, sources, nodes=[node], timeout_s=FIND_S)
    (answer,) = answers.values()
    if isinstance(answer, XfdError):
        raise answer
    return answer


def select_on_node(options: argparse.Namespace, sources: list[Wanted]) -> Selection:
    """See `selection.select`; runs on a node."""
    from xfd_dataplane.cancellation import CallLimits
    from xfd_dataplane.cli.places import EACH_NODE
    from xfd_dataplane.cli.selection import select
    from xfd_dataplane.downloading import open_node

    with open_node() as node:
        return select(options, sources, node, CallLimits(None, None), EACH_NODE)
