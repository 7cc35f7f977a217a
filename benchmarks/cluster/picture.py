"""A distribution's timeline as a picture. Needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.cluster.timeline import Order, Timeline, rates
from xfd_ray.telemetry import log_events

mpl.use("Agg")
from matplotlib import pyplot as plt

MBIT = 1e6 / 8
PALETTE = ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#bcbd22")
ORIGIN = "#d62728"


def draw(timeline: Timeline, title: str, path: Path) -> None:
    """One panel per node with a line per order, then what each link received and sent.

    Thin grey: from the scheduler's order to the first request; pale: from there to the first byte;
    strong: to the last byte, red from the origin, else in the colour of the peer that sent it; the
    black dot marks the report to the scheduler. Dotted: the node joined; dashed: its last
    object landed.
    """
    nodes = timeline.nodes
    colours = {node: PALETTE[place % len(PALETTE)] for place, node in enumerate(sorted(nodes))}
    figure, axes = plt.subplots(
        len(nodes) + 2, 1, figsize=(14, 2.2 * len(nodes) + 5), sharex=True, layout="constrained"
    )
    for node, axis in zip(nodes, axes, strict=False):
        _draw_orders(axis, [order for order in timeline.orders if order.node == node], colours)
        for mark in timeline.all(log_events.NODE_JOINED.name, node):
            axis.axvline(mark.at, color="black", linestyle=":", linewidth=0.8)
        landed = [mark.at for mark in timeline.all(log_events.OBJECT_LANDED.name, node)]
        if landed:
            axis.axvline(max(landed), color="black", linestyle="--", linewidth=0.8)
        axis.set_ylabel(f"{node}\nchunk", color=colours[node])
    for axis, way, text in ((axes[-2], 1, "received"), (axes[-1], 2, "sent")):
        for host, samples in sorted(timeline.links.items()):
            if host in colours or host == "s3":
                measured = rates(samples)
                axis.plot(
                    [rate[0] for rate in measured],
                    [rate[way] / MBIT for rate in measured],
                    color=colours.get(host, ORIGIN),
                    label=host,
                    linewidth=1,
                )
        axis.set_ylabel(f"{text}\nMbit/s")
        axis.legend(loc="upper right", fontsize="x-small", ncols=len(nodes) + 1)
    axes[-1].set_xlim(-0.2, timeline.returned + 0.3)
    axes[-1].set_xlabel("seconds from the call on")
    figure.suptitle(f"{title}: {timeline.returned:.2f} s")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_orders(axis: Any, orders: list[Order], colours: dict[str, str]) -> None:
    for order in orders:
        colour = ORIGIN if order.source is None else colours.get(order.source, "black")
        if order.held is None or order.started is None:
            axis.plot([order.ordered], [order.chunk], marker="x", color="silver", markersize=3)
            continue
        first = order.first_byte if order.first_byte is not None else order.held
        level = [order.chunk, order.chunk]
        axis.plot([order.ordered, order.started], level, color="lightgrey", linewidth=0.6)
        axis.plot([order.started, first], level, color=colour, linewidth=1.2, alpha=0.3)
        axis.plot([first, order.held], level, color=colour, linewidth=1.8)
        if order.reported is not None:
            axis.plot([order.reported], level[:1], marker=".", color="black", markersize=2)
