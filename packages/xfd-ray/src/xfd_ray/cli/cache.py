"""`xfd cache`: what xfd keeps on this host, or on each node of the cluster."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xfd_api.errors import CacheEntryNotFoundError, XfdError
from xfd_dataplane.cli import cache as on_host
from xfd_dataplane.cli import cache_options, codes, output
from xfd_dataplane.cli.exits import exit_code
from xfd_ray.cli.command_parser import Commands, add_connection
from xfd_ray.cli.node_choice import add_nodes

if TYPE_CHECKING:
    from xfd_api.ids import NodeId
    from xfd_dataplane.cache.actions import CacheAction, Document

Answers = Mapping["NodeId", "Document | XfdError"]

ACT_S = 600.0
"""Time for the nodes to make an index of their files, or to delete what goes, in seconds."""

_EXAMPLES = {
    "ls": """\
  xfd cache ls                                    what is kept on this host
  xfd cache ls models --nodes gpu-1               what one node keeps below a folder""",
    "du": """\
  xfd cache du --cluster                          sums of each node""",
    "rm": """\
  xfd cache rm models/llama --cluster             on each node
  xfd cache rm -n /data/models                    what would go below a folder of this host""",
    "prune": """\
  xfd cache prune --cluster -n --quota 500GiB     what would go, on each node
  xfd cache prune --max-age 30d                   what this host has not used for a month""",
    "pin": """\
  xfd cache pin models/llama --nodes market=spot  keep it on these nodes""",
    "unpin": """\
  xfd cache unpin models/llama --cluster          a quota may remove it again""",
    "records": """\
  xfd cache records --cluster                     what broken runs have left on each node
  xfd cache records --remove --older-than 7d      remove it on this host""",
}


def add(commands: Commands) -> None:
    """Adds `cache` and its commands."""
    parser = commands.add_parser(
        "cache",
        help=cache_options.HELP,
        epilog="\n".join(["examples:", *_EXAMPLES.values()]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for each in cache_options.add_cache(parser):
        each.set_defaults(run=run)
        each.epilog = f"examples:\n{_EXAMPLES[each.get_default('cache_command')]}"
        each.formatter_class = argparse.RawDescriptionHelpFormatter
        each.add_argument(
            "--cluster",
            action="store_true",
            help="on each node of the cluster (default: on this host, without Ray)",
        )
        add_nodes(each)
        add_connection(each)


def run(options: argparse.Namespace) -> int:
    """Carries out a command of `cache`, and returns the exit code."""
    if not (options.cluster or options.nodes or options.exclude_head):
        return on_host.run(options)
    from xfd_dataplane.cache.actions import carry_out, for_other_nodes
    from xfd_ray.cli.connection import connected
    from xfd_ray.cli.node_choice import choice_of, names_of
    from xfd_ray.cluster.each_node import live_nodes, on_each_node

    action = for_other_nodes(cache_options.action_of(options))
    with connected(options):
        everyone = live_nodes()
        chosen = live_nodes(choice_of(options).selector(everyone))
        answers = relevant(on_each_node(carry_out, action, nodes=chosen, timeout_s=ACT_S))
    names = names_of(everyone)
    if options.json:
        output.as_json(document_of(answers, names))
    else:
        _show(action, answers, names)
    return code_of(action, answers)


def relevant(answers: Answers) -> Answers:
    """The answers without those of nodes that have nothing at the paths, if another one has.

    Raises:
        CacheEntryNotFoundError: no node has anything there.
    """
    lacking = {
        node: answer
        for node, answer in answers.items()
        if isinstance(answer, CacheEntryNotFoundError)
    }
    if lacking and len(lacking) == len(answers):
        raise next(iter(lacking.values()))
    return {node: answer for node, answer in answers.items() if node not in lacking}


def document_of(answers: Answers, names: Mapping[NodeId, str]) -> dict[str, Any]:
    """The answers of all nodes for a program."""
    nodes = []
    for node, answer in answers.items():
        if isinstance(answer, XfdError):
            found = output.error_document(answer, names_node=True)
        else:
            found = {"ok": not answer.get("kept"), **answer}
        nodes.append({"node": node, "name": names[node], **found})
    return {"ok": all(each["ok"] for each in nodes), "nodes": nodes}


def _show(action: CacheAction, answers: Answers, names: Mapping[NodeId, str]) -> None:
    from xfd_dataplane.cli.cache_text import complaints, lines

    for node, answer in answers.items():
        if isinstance(answer, XfdError):
            output.complain(f"{names[node]}: {output.error_line(answer)}", program="xfd")
            continue
        output.say(f"{names[node]}:")
        for line in lines(action, answer, now=time.time()):
            output.say(f"  {line}")
        for line in complaints(answer):
            output.complain(f"{names[node]}: {line}", program="xfd")


def code_of(action: CacheAction, answers: Answers) -> int:
    """The exit code: that of the first error, or of entries that `rm` has kept."""
    for answer in answers.values():
        if isinstance(answer, XfdError):
            return exit_code(answer)
    kept = any(
        not isinstance(answer, XfdError) and answer.get("kept") for answer in answers.values()
    )
    return codes.DESTINATION if kept and action.command == "rm" else codes.OK
