"""`xfd doctor`: checks what a distribution needs, on each node and between them."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from xfd_dataplane.cli import codes, output
from xfd_dataplane.cli.argument_types import setting
from xfd_ray.cli.command_parser import Commands, add_command
from xfd_ray.cli.node_choice import add_nodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xfd_api.errors import XfdError
    from xfd_ray.cli.doctor.finding import Finding
    from xfd_ray.coordinator_status import CoordinatorStatus
    from xfd_ray.placement import NodeInfo

_EXAMPLES = """
  xfd doctor                                  packages, disks, clocks, connections
  xfd doctor s3://bucket/models/config.json   and whether each node can read this
  xfd doctor --peer-ports 7000-7100           whether these ports are open between nodes
  xfd doctor --json | jq '.findings[] | select(.state != "ok")'
"""

_DESCRIPTION = """\
Checks what a distribution needs: the same packages on every node, room and rights on its disks,
clocks, connections between nodes, credentials, and whether the store answers. Each finding that is
not well says what to do. Two small files are written on each node, and removed again."""


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = add_command(
        commands,
        "doctor",
        run,
        help="check packages, disks, clocks, connections and credentials of the nodes",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="look this object or prefix up from each node; a prefix is listed as a whole",
    )
    parser.add_argument(
        "--peer-ports",
        type=setting("peer_ports"),
        metavar="FIRST-LAST",
        help="listen on these ports, as distributions with this option do (default: any free port)",
    )
    add_nodes(parser)


def run(options: argparse.Namespace) -> int:
    """Carries out `doctor`; the exit code is 1 if a check failed."""
    from xfd_ray.cli.connection import connected
    from xfd_ray.cli.doctor.finding import document, rows, summary
    from xfd_ray.cli.node_choice import choice_of, names_of
    from xfd_ray.cluster.each_node import live_nodes

    with connected(options):
        everyone = live_nodes()
        nodes = live_nodes(choice_of(options).selector(everyone))
        findings = examine(nodes, options.sources, options.peer_ports)
    names = names_of(nodes)
    if options.json:
        output.as_json(document(findings, names))
    else:
        from xfd_ray.cli.tables import show, table

        styles = {"ok": "green", "warn": "yellow", "fail": "bold red"}
        columns = ("check", "state", "nodes", "what")
        show(table(columns, rows(findings, names), styles=styles), summary(findings))
    return codes.ERROR if any(each.state == "fail" for each in findings) else codes.OK


def examine(
    nodes: Sequence[NodeInfo], sources: Sequence[str], peer_ports: tuple[int, int] | None
) -> list[Finding]:
    """All checks of these nodes, in the order in which they are shown.

    Raises:
        XfdError: a source makes no sense.
    """
    from xfd_api.lookups import plan_downloads
    from xfd_ray.cli.doctor import judge
    from xfd_ray.cli.doctor.connections import connections
    from xfd_ray.cli.doctor.node_facts import NodeFacts, clock, node_facts, packages_there
    from xfd_ray.cli.doctor.store_reach import reach_stores
    from xfd_ray.cli.node_choice import names_of
    from xfd_ray.cluster.each_node import on_each_node

    plan = plan_downloads(list(sources), None) if sources else None
    versions = packages_there()
    found = judge.judge_packages(on_each_node(versions, nodes=nodes), versions())
    unfit = {each.node for each in found if each.state == "fail"}
    nodes = [node for node in nodes if node.id not in unfit]
    if not nodes:  # Whatever else is asked of a node is asked by these packages.
        return found
    found += judge.judge_coordinators(_coordinators())
    answers = on_each_node(node_facts, nodes=nodes)
    facts = {node: each for node, each in answers.items() if isinstance(each, NodeFacts)}
    found += judge.failed_nodes("disk", answers)
    found += judge.judge_disks(facts)
    asked_at = time.time()
    clocks = on_each_node(clock, nodes=nodes)
    found += judge.judge_clocks(clocks, asked_at, time.time())
    found += judge.judge_connections(connections(nodes, peer_ports), names_of(nodes))
    kinds = set() if plan is None else {store.kind for store in plan.stores.profiles.values()}
    found += judge.judge_credentials(facts, kinds)
    if plan is not None:
        found += judge.judge_stores(on_each_node(reach_stores, plan, nodes=nodes), sources)
    return found


def _coordinators() -> list[CoordinatorStatus] | XfdError:
    import xfd_ray
    from xfd_api.errors import XfdError

    try:
        return xfd_ray.status()
    except XfdError as error:
        return error
