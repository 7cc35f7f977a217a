"""The command `xfd-simulate`."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import get_args

from xfd_api.traffic import Prices, Traffic
from xfd_scheduler.scheduler import Scheduler
from xfd_scheduler.settings import OriginPolicy, SchedulerSettings
from xfd_scheduler.simulator.comparators import COMPARATORS
from xfd_scheduler.simulator.engine import Engine, SchedulerLike
from xfd_scheduler.simulator.outcome import Outcome
from xfd_scheduler.simulator.scenario import GBIT, Scenario, Sharing
from xfd_scheduler.simulator.validation import ROW_HEAD, from_settings, from_trace, row
from xfd_scheduler.trace import Recorder, replay

HEAD = (
    f"{'scheduler':13} {'nodes':>5} {'time s':>8} {'bound s':>8} {'T/bound':>8} {'worst':>7} "
    f"{'late':>6} {'origin x':>8} {'zones GB':>8} {'failed':>6} {'decisions/s':>11}"
)


def main(arguments: list[str] | None = None) -> int:
    """Simulates scenarios and prints their figures."""
    parsed = _parser().parse_args(arguments)
    if parsed.replay:
        print(replay(Path(parsed.replay)))
        return 0
    if parsed.measured or parsed.against:
        _validate(parsed)
        return 0
    print(HEAD)
    outcomes = []
    for nodes in parsed.nodes:
        scenario = scenario_of(parsed, nodes)
        seeds = range(scenario.seed, scenario.seed + parsed.seeds)
        mine = [
            run(replace(scenario, seed=seed), "xfd", parsed.trace, idle=parsed.idle)
            for seed in seeds
        ]
        mine.sort(key=lambda outcome: outcome.ratio)
        outcomes.append(mine[len(mine) // 2])
        print(line("xfd", mine[len(mine) // 2]), flush=True)
        if scenario.zones > 1 or parsed.prices:
            prices = Prices(*parsed.prices) if parsed.prices else None
            print(zone_lines(mine[len(mine) // 2].traffic.at(prices)), flush=True)
        if len(mine) > 1:
            worst = max(mine, key=lambda outcome: outcome.slowest_ratio)
            print(line(f"  worst of {len(mine)}", worst), flush=True)
        for name in COMPARATORS if parsed.compare else ():
            print(line(name, run(scenario, name)), flush=True)
    if parsed.plot:
        from xfd_scheduler.simulator.plot import draw

        draw(outcomes, Path(parsed.plot))
    return 0


def _validate(parsed: argparse.Namespace) -> None:
    """Prints simulated against measured times."""
    print(ROW_HEAD)
    measured = from_settings(Path(parsed.measured)) if parsed.measured else []
    links = scenario_of(parsed, parsed.nodes[0])
    measured += [from_trace(Path(trace), links) for trace in parsed.against]
    for one in measured:
        print(row(one, run(one.scenario, "xfd").elapsed_s), flush=True)


def run(scenario: Scenario, name: str, trace: str | None = None, *, idle: bool = False) -> Outcome:
    """One run under the named scheduler; `idle` prints why downlinks were not full."""
    scheduler: SchedulerLike
    if name == "xfd":
        if trace:
            scheduler = Recorder(Path(trace), scenario.settings, seed=scenario.seed)
        else:
            scheduler = Scheduler(scenario.settings, seed=scenario.seed)
    else:
        scheduler = COMPARATORS[name](scenario)
    engine = Engine(scenario, scheduler, time.process_time)
    watched = engine.watch_idle() if idle else None
    try:
        outcome = engine.run()
        if watched is not None:
            print(watched.table(outcome.elapsed_s), flush=True)
        return outcome
    finally:
        if isinstance(scheduler, Recorder):
            scheduler.close()


def line(name: str, outcome: Outcome) -> str:
    """One row of the table."""
    scenario = outcome.scenario
    late = f"{outcome.joiners_ratio:.3f}" if outcome.joiners else "-"
    return (
        f"{name:13} {scenario.nodes:5} {outcome.elapsed_s:8.3f} {scenario.bound_s():8.3f} "
        f"{outcome.ratio:8.3f} {outcome.slowest_ratio:7.3f} {late:>6} {outcome.amplification:8.3f} "
        f"{outcome.traffic.across_zones_bytes / 1e9:8.1f} {outcome.failed_orders:6} "
        f"{outcome.decisions_per_s:11,.0f}"
    )


def zone_lines(traffic: Traffic) -> str:
    """Bytes that each zone received from the origin and from each zone; the cost, if known."""
    lines = [
        f"  {each.source or 'origin':>12} -> {each.target:12} {each.bytes / 1e9:10.3f} GB"
        for each in traffic.moved
    ]
    if traffic.estimated_cost is not None:
        lines.append(f"  {'cost':>12}    {'':12} {traffic.estimated_cost:10.3f}")
    return "\n".join(lines)


def scenario_of(parsed: argparse.Namespace, nodes: int) -> Scenario:
    """The scenario that the options describe."""
    gbit = GBIT * parsed.payload
    down = tuple(rate * gbit for rate in parsed.gbit)
    return Scenario(
        nodes=nodes,
        files=parsed.files,
        joins_s=tuple(parsed.joins_s),
        expected=parsed.expected,
        total_bytes=parsed.gigabytes * 1e9,
        chunk_bytes=parsed.chunk_mb * 1e6,
        down=down,
        up=down,
        origin=parsed.origin_gbit * gbit,
        origin_stream=parsed.origin_stream_gbit * gbit,
        origin_latency_s=parsed.origin_latency_ms / 1000,
        latency_s=parsed.latency_ms / 1000,
        relay=not parsed.no_relay,
        report_interval_s=parsed.report_interval_s,
        start_spread_s=parsed.start_spread_s,
        zones=parsed.zones,
        zone_link=parsed.zone_gbit * gbit,
        known_rates=parsed.known_rates,
        dying=parsed.dying,
        joining=parsed.joining,
        stragglers=parsed.stragglers,
        failing=parsed.failing,
        starving=parsed.starving,
        uneven=parsed.uneven,
        order_overhead_s=parsed.order_overhead_ms / 1000,
        sharing=parsed.sharing,
        step_s=parsed.step_ms / 1000 if parsed.step_ms is not None else None,
        seed=parsed.seed,
        settings=SchedulerSettings(
            download_slots=parsed.slots,
            upload_slots=2 * parsed.slots,
            relay=not parsed.no_relay,
            origin_policy=parsed.policy,
            origin_copies=parsed.copies,
        ),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="xfd-simulate", description=__doc__)
    add = parser.add_argument
    add("--nodes", type=int, nargs="+", default=[16], help="one run for each number")
    add("--gigabytes", type=float, default=2.0, help="size of the object, in 10**9 bytes")
    add("--chunk-mb", type=float, default=8.0, help="size of a chunk, in 10**6 bytes")
    add("--files", type=int, default=0, help="spread the bytes over this many small files")
    add("--slots", type=int, default=32, help="chunks that a node fetches at once")
    add("--gbit", type=float, nargs="+", default=[10.0], help="links of the nodes, repeating")
    add("--origin-gbit", type=float, default=10.0)
    add("--payload", type=float, default=1.0, help="share of the links' bytes; Ethernet: 0.956")
    add("--latency-ms", type=float, default=0.5)
    add("--origin-latency-ms", type=float, default=20.0)
    add("--origin-stream-gbit", type=float, default=float("inf"), help="most of one connection")
    add("--no-relay", action="store_true", help="nodes send only whole chunks on")
    add("--report-interval-s", type=float, default=None, help="default: as in xfd_ray")
    add("--start-spread-s", type=float, default=0.0)
    add("--joins-s", type=float, nargs="+", default=[], help="when each of the nodes joins")
    add("--expected", action="store_true", help="announce the nodes that join later")
    add("--policy", choices=get_args(OriginPolicy), default="once-per-cluster")
    add("--copies", type=int, default=1, help="origin reads of a chunk, once-per-cluster")
    add("--zones", type=int, default=1)
    add(
        "--zone-gbit",
        type=float,
        default=float("inf"),
        help="link between zones, in and out",
    )
    three = ("ORIGIN", "ACROSS", "WITHIN")
    add("--prices", type=float, nargs=3, metavar=three, help="of 10**9 bytes, prints the cost")
    add("--known-rates", action="store_true", help="configure the nodes' rates")
    add("--dying", type=float, default=0.0, help="share of the nodes that die during the run")
    add("--joining", type=float, default=0.0, help="share of the nodes that join during the run")
    add("--stragglers", type=float, default=0.0, help="share of the nodes that become slow")
    add("--failing", type=float, default=0.0, help="share of the transfers that break")
    add("--starving", type=float, default=0.0, help="share of the transfers that stall")
    add("--uneven", type=float, default=0.0, help="deviation of the streams' shares of a link")
    add("--order-overhead-ms", type=float, default=0.0, help="time that each order costs its slot")
    add("--sharing", choices=get_args(Sharing), default="auto", help="auto: exact up to 128 nodes")
    add("--step-ms", type=float, default=None, help="length of a step; 0: exact")
    add("--seed", type=int, default=0)
    add("--seeds", type=int, default=1, help="number of runs; prints the median and the worst")
    add("--compare", action="store_true", help="run other schedulers too")
    add("--idle", action="store_true", help="print why downlinks were idle, in seconds")
    add("--plot", metavar="PNG", help="draw the last of --nodes (needs matplotlib)")
    add("--trace", metavar="FILE", help="record the scheduler's events and orders")
    add("--replay", metavar="FILE", help="feed a recorded run to the scheduler, compare orders")
    add("--measured", metavar="JSON", help="simulate measured settings and compare times")
    add("--against", metavar="FILE", nargs="+", default=[], help="the same for recorded runs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
