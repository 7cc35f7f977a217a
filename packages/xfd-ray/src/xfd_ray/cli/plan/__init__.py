"""`xfd plan`: what `xfd get` would do, and how long it would take. Nothing is changed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from xfd_dataplane.cli import codes, output
from xfd_dataplane.cli.argument_types import size
from xfd_ray.cli.command_parser import Commands, add_command
from xfd_ray.cli.node_choice import add_nodes, configured_choice
from xfd_ray.cli.requested import USAGE, add_requested, requested

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xfd_api.errors import XfdError
    from xfd_api.ids import NodeId
    from xfd_ray.cli.plan.view import Plan
    from xfd_ray.link_rates import LinkRates
    from xfd_ray.placement import NodeInfo

SURVEY_S = 600.0
"""Time for the nodes to look at their disks, in seconds."""

_DESCRIPTION = """\
Shows what `xfd get` with the same words would do: objects and bytes, what each node has and lacks,
the room on its disks, requests to the store, and how long it would take. The time comes from the
scheduler's simulator, for the rates that are given, configured, or observed by the last `xfd get`
from this machine. What a node has at another destination counts as missing, although `xfd get` may
copy it from there. Nothing is changed anywhere."""

_EXAMPLES = """
  xfd plan s3://bucket/llama/ models/llama
  xfd plan requests.yaml --nodes market=spot
  xfd plan s3://bucket/llama/ --link-rate 1.2GB --store-rate 5GB     bytes per second
"""


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = add_command(
        commands,
        "plan",
        run,
        help="show what a get would do, and how long it would take",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    parser.usage = USAGE.format("plan")
    add_requested(parser)
    add_nodes(parser)
    rates = parser.add_argument_group("rates, in bytes per second")
    rates.add_argument(
        "--link-rate", type=size, metavar="SIZE", help="what each node can receive, and send"
    )
    rates.add_argument(
        "--store-rate", type=size, metavar="SIZE", help="what the store can send to the cluster"
    )
    rates.add_argument(
        "--write-rate", type=size, metavar="SIZE", help="what the disk of a node can write"
    )


def run(options: argparse.Namespace) -> int:
    """Carries out `plan`; the exit code says whether a node has too little room."""
    from xfd_ray.cli.connection import connected
    from xfd_ray.cli.plan.view import document, parts
    from xfd_ray.cli.tables import show

    with connected(options):
        plan = make_plan(options)
    if options.json:
        output.as_json(document(plan))
    else:
        show(*parts(plan))
    if plan.failed:
        return codes.ERROR
    return codes.DESTINATION if plan.full else codes.OK


def make_plan(options: argparse.Namespace) -> Plan:
    """Asks the store and the nodes.

    Raises:
        XfdError: a request makes no sense, or the store could not be asked.
    """
    from xfd_api.errors import XfdError
    from xfd_api.lookups import plan_downloads
    from xfd_ray.cli.connection import cluster_name
    from xfd_ray.cli.plan.estimate import estimate, simulated_s
    from xfd_ray.cli.plan.on_node import Survey, find_catalog, survey_node
    from xfd_ray.cli.plan.rates import known_rates
    from xfd_ray.cli.plan.view import Plan
    from xfd_ray.cluster.each_node import live_nodes, on_each_node

    nodes = live_nodes(configured_choice(options).selector(live_nodes()))
    wanted = requested(options, [node.id for node in nodes])
    lookups = plan_downloads(wanted.requests, wanted.stores)
    limit_s = options.deadline or SURVEY_S
    (catalog,) = on_each_node(
        find_catalog, lookups, options.chunk_size, nodes=nodes[:1], timeout_s=limit_s
    ).values()
    if isinstance(catalog, XfdError):
        raise catalog
    answers = on_each_node(survey_node, catalog, nodes=nodes, timeout_s=limit_s)
    surveys = {node: each for node, each in answers.items() if isinstance(each, Survey)}
    planned = estimate(catalog, surveys, len(lookups.lookups))
    cluster = cluster_name()
    known = known_rates(_given(options), cluster)
    simulated, problem = None, None
    if known is not None:
        try:
            simulated = simulated_s(planned, known.rates)
        except ImportError:
            problem = "the simulator needs numpy: pip install 'xfd-ray[plan]'"
    return Plan(
        nodes=nodes,
        planned=planned,
        surveys=surveys,
        failed=_failed(answers, nodes),
        known=known,
        simulated_s=simulated,
        problem=problem,
    )


def _given(options: argparse.Namespace) -> LinkRates | None:
    from xfd_ray.link_rates import LinkRates

    rates = (options.store_rate, options.link_rate, options.link_rate, options.write_rate)
    return LinkRates(*rates) if any(rates) else None


def _failed(answers: Mapping[NodeId, Any], nodes: Sequence[NodeInfo]) -> dict[NodeId, XfdError]:
    from xfd_api.errors import XfdError

    known = ((node.id, answers[node.id]) for node in nodes)
    return {node: answer for node, answer in known if isinstance(answer, XfdError)}
