"""`xfd verify`: reads landed files again on each node, and compares them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xfd_api.errors import XfdError
from xfd_dataplane.cli import codes, output
from xfd_dataplane.cli.argument_types import seconds
from xfd_dataplane.cli.operands import is_source
from xfd_dataplane.cli.shared_options import SOURCE, add_patterns, add_pins, add_store
from xfd_ray.cli.command_parser import Commands, add_command
from xfd_ray.cli.node_choice import SHORT, add_nodes, configured_choice
from xfd_ray.cli.requested import check_words, is_request_file, requested

if TYPE_CHECKING:
    from xfd_api.ids import NodeId
    from xfd_api.profiles import ObjectStoreConfigByProfile
    from xfd_api.requests import DownloadRequest
    from xfd_dataplane.verification import VerifyReport
    from xfd_ray.placement import NodeInfo

    Answers = Mapping[NodeId, VerifyReport | XfdError]

_DESCRIPTION = """\
Reads files on each node again. A source and its destination, as `xfd get` has them, are compared
with the store and with the records of what landed. Paths alone are compared with their records;
relative ones lie below each node's root. Each node asks the store by itself."""

_EXAMPLES = """
  xfd verify s3://bucket/llama/ models/llama    with the store, and the records
  xfd verify models/llama                       with the records alone
  xfd verify requests.yaml --json | jq '.nodes[] | select(.ok | not)'
"""


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = add_command(
        commands,
        "verify",
        run,
        help="read landed files again on each node, and compare them",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    parser.add_argument(
        "words",
        nargs="+",
        metavar="[SOURCE ... [DEST] | PATH ...]",
        help=f"SOURCE: {SOURCE}. Or a file of requests in YAML; or paths on the nodes",
    )
    add_patterns(parser)
    add_pins(parser)
    parser.add_argument(
        "--deadline", type=seconds, metavar="SECONDS", help="longest time for all nodes"
    )
    add_nodes(parser)
    add_store(parser)
    parser.set_defaults(check=_check, from_file=None, force=False, unpack=None)


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    words = options.words
    options.are_paths = not is_source(words[0]) and not is_request_file(words)
    if not options.are_paths:
        check_words(parser, options)
    elif any(is_source(word) for word in words):
        parser.error("give sources and a destination, or paths alone")
    elif options.include or options.exclude or options.checksum:
        parser.error("--include, --exclude and --checksum go with a source")


def run(options: argparse.Namespace) -> int:
    """Carries out `verify`; the exit code is that of the worst node."""
    from xfd_ray.cli.connection import connected
    from xfd_ray.cluster.each_node import live_nodes, on_each_node

    with connected(options):
        nodes = live_nodes(configured_choice(options).selector(live_nodes()))
        limit_s = options.deadline
        if options.are_paths:
            answers = on_each_node(
                verify_paths_there, options.words, nodes=nodes, timeout_s=limit_s
            )
        else:
            from xfd_api.profiles import ObjectStoreConfigByProfile

            wanted = requested(options, [node.id for node in nodes])
            # Without a store, files would be compared with their records alone.
            stores = wanted.stores or ObjectStoreConfigByProfile({})
            answers = on_each_node(
                verify_there, wanted.requests, stores, nodes=nodes, timeout_s=limit_s
            )
    _print(answers, nodes, options)
    return _code(answers)


def verify_there(
    requests: Sequence[DownloadRequest], stores: ObjectStoreConfigByProfile
) -> VerifyReport:
    """Compares with the store and the records; runs on a node."""
    from xfd_dataplane.verification import verify

    return verify(requests, stores)


def verify_paths_there(paths: Sequence[str]) -> VerifyReport:
    """Compares with the records alone; runs on a node."""
    from xfd_api.paths import root
    from xfd_dataplane.verification import verify_paths

    return verify_paths(root() / Path(path) for path in paths)


def _code(answers: Answers) -> int:
    from xfd_dataplane.cli.exits import exit_code

    errors = [answer for answer in answers.values() if isinstance(answer, XfdError)]
    if errors:
        return exit_code(errors[0])
    is_ok = all(answer.ok for answer in answers.values() if not isinstance(answer, XfdError))
    return codes.OK if is_ok else codes.VERIFICATION


def _print(answers: Answers, nodes: Sequence[NodeInfo], options: argparse.Namespace) -> None:
    if options.json:
        documents = [_document(answers[node.id], node) for node in nodes]
        output.as_json({"ok": all(each["ok"] for each in documents), "nodes": documents})
        return
    from xfd_ray.cli.node_choice import names_of
    from xfd_ray.cli.tables import show, table

    names = names_of(nodes)
    for node, answer in answers.items():
        for line in _complaints(answer):
            output.complain(f"{names[node]}: {line}", program="xfd")
    rows = [_row(answers[node.id], node) for node in nodes]
    show(table(("node", "host", "files", "read", "result"), rows, right=("files", "read")))


def _complaints(answer: VerifyReport | XfdError) -> list[str]:
    if isinstance(answer, XfdError):
        return [output.error_line(answer)]
    return [f"{each.path}: {each.problem}: {each.detail}" for each in answer.mismatches]


def _document(answer: VerifyReport | XfdError, node: NodeInfo) -> dict[str, Any]:
    base = {"node": node.id, "host": node.host}
    if isinstance(answer, XfdError):
        return {**base, **output.error_document(answer, names_node=True)}
    return {**base, **output.verify_document(answer)}


def _row(answer: VerifyReport | XfdError, node: NodeInfo) -> tuple[str, ...]:
    from xfd_dataplane.progress.words import human

    base = (node.id[:SHORT], node.host)
    if isinstance(answer, XfdError):
        return (*base, "", "", type(answer).__name__)
    result = "all as they should be" if answer.ok else f"{len(answer.mismatches)} differ"
    return (*base, str(answer.files), human(answer.bytes), result)
