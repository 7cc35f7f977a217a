"""`xfd get`: distributes objects, prefixes and repositories to the nodes of the cluster."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from xfd_dataplane.cli import codes, output
from xfd_dataplane.cli.argument_types import count, setting
from xfd_dataplane.cli.shared_options import add_progress, add_quiet, add_report
from xfd_ray.cli.command_parser import Commands, add_command
from xfd_ray.cli.node_choice import add_nodes, configured_choice
from xfd_ray.cli.requested import USAGE, add_requested, requested

if TYPE_CHECKING:
    from xfd_api.results import DistributionReport

_DESCRIPTION = """\
Brings objects, prefixes and repositories to every node of a Ray cluster. Each byte leaves the store
once, and the nodes pass it on to each other. Every byte is verified. A second run fetches only what
is missing."""

_EXAMPLES = """
  xfd get s3://bucket/llama/ models/llama             a prefix, below each node's root
  xfd get hf://org/model                              into the hub cache, for from_pretrained
  xfd get s3://b/one.bin s3://b/two.bin /data/models/  several sources into a folder
  xfd get s3://b/env.tar.gz /opt/env.tar.gz --unpack /opt/env
  xfd get s3://bucket/llama/ --nodes market=spot      on nodes with this label
  xfd get requests.yaml --report run.json             what a file lists; keep the report
  xfd get s3://bucket/llama/ -e AWS_PROFILE=models    with this profile on the nodes
"""


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = add_command(
        commands,
        "get",
        run,
        help="bring files to every node of the cluster",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    parser.usage = USAGE.format("get")
    add_requested(parser)
    add_nodes(parser)
    cluster = parser.add_argument_group("distribution")
    cluster.add_argument(
        "--on-node-failure",
        choices=("continue", "fail"),
        help="continue: finish on the other nodes, and name the lost one (default); fail: stop",
    )
    cluster.add_argument(
        "--on-version-conflict",
        choices=("fail", "wait", "pinned"),
        help="what to do if a running call has another version of an object (default: fail)",
    )
    cluster.add_argument(
        "--origin-policy",
        type=setting("origin_policy"),
        metavar="POLICY",
        help="how often each byte is read from the store: once-per-cluster (default), "
        "once-per-zone, or a number of times",
    )
    cluster.add_argument(
        "--store-parallel",
        type=count,
        metavar="N",
        help="ranges that the whole cluster reads from the store at once (default: 1000)",
    )
    cluster.add_argument(
        "--peer-ports",
        type=setting("peer_ports"),
        metavar="FIRST-LAST",
        help="ports on which nodes serve each other (default: any free port)",
    )
    cluster.add_argument(
        "--peer-tls",
        action="store_true",
        default=None,
        help="nodes show each other certificates and encrypt what they send; it takes more of the "
        "processors (default: XFD_PEER_TLS, else plain text with a token)",
    )
    cluster.add_argument(
        "--keep",
        type=setting("keep_s"),
        metavar="SECONDS",
        help="how long coordinator and workers stay after the last call, as 90 or 15m (default: "
        "60)",
    )
    cluster.add_argument(
        "--metrics",
        choices=("ray", "port", "both", "off"),
        help="where metrics are exported: by Ray's agents, at a port of each process, both, or not "
        "at all (default: XFD_METRICS, else ray)",
    )
    cluster.add_argument(
        "--metrics-ports",
        type=setting("metrics_ports"),
        metavar="FIRST-LAST",
        help="the ports for --metrics port",
    )
    add_report(parser)
    add_progress(parser)
    add_quiet(parser)


def run(options: argparse.Namespace) -> int:
    """Carries out `get`, and returns the exit code."""
    from xfd_api.whole_file import check_place
    from xfd_ray.cli.connection import connected

    if options.report is not None:
        check_place(options.report)
    with connected(options):
        report = distribute(options)
        if options.report is not None:
            report.save(options.report)
        _keep_rates(report)
    _print(report, options)
    return codes.OK


def _keep_rates(report: DistributionReport) -> None:
    """Keeps what the run shows of the links, for `xfd plan`."""
    import time

    from xfd_ray.cli.connection import cluster_name
    from xfd_ray.cli.plan.rates import keep_observed

    keep_observed(report, cluster_name(), time.time())


def distribute(options: argparse.Namespace) -> DistributionReport:
    """Distributes what the options ask for.

    Raises:
        XfdError: see `xfd_ray.download_distributed`.
    """
    import xfd_ray
    from xfd_ray.cluster.each_node import live_nodes

    everyone = live_nodes()
    selector = configured_choice(options).selector(everyone)
    chosen = [node.id for node in live_nodes(selector)]
    wanted = requested(options, chosen)
    return xfd_ray.download_distributed(
        wanted.requests,
        wanted.stores,
        priorities=wanted.priorities,
        **arguments(options, selector),
    )


def arguments(options: argparse.Namespace, selector: Any) -> dict[str, Any]:
    """The arguments of `xfd_ray.download_distributed` that the options ask for."""
    from xfd_dataplane.cli.node_settings import settings_of

    return {
        "nodes": selector,
        "chunk_size_bytes": options.chunk_size,
        "node_parallelism": options.parallel,
        "object_store_parallelism": options.store_parallel,
        "on_node_failure": options.on_node_failure,
        "on_version_conflict": options.on_version_conflict,
        "origin_policy": options.origin_policy,
        "peer_ports": options.peer_ports,
        "peer_tls": options.peer_tls,
        "durability": options.durability,
        "deadline_s": options.deadline,
        "keep_s": options.keep,
        "node_settings": settings_of(options),
        "progress": options.progress or ("none" if options.quiet else None),
        "verbose": not options.json,
        "metrics": options.metrics,
        "metrics_ports": options.metrics_ports,
    }


def _print(report: DistributionReport, options: argparse.Namespace) -> None:
    if options.json:
        output.as_json({"ok": True, **report.to_dict()})
    elif not options.quiet:
        from xfd_ray.cli.tables import text_width
        from xfd_ray.report_format import report_text

        for line in report_text(report, width=text_width()).splitlines():
            output.say(line)
    for node in report.nodes:
        if node.error is not None:
            output.complain(output.error_line(node.error, names_node=True), program="xfd: warning")
