"""The chart of the cluster benchmark. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from benchmarks.cluster.contenders import FLOOR, SLOW_FLOOR
from benchmarks.cluster.measure import Row
from benchmarks.cluster.scenarios import SCENARIOS
from benchmarks.cluster.verdicts import OURS, floors, middle, order_of

mpl.use("Agg")
from matplotlib import pyplot as plt

OWN = "#2a6f97"
OTHER = "#b8b8b8"
SHOWN = 6.0
"""Bars end here, in floors; the number beside a longer bar has its length."""


def chart(rows: Sequence[Row], path: Path) -> None:
    """Bars of every contender's time in floors of its round, with the goals as red marks.

    Scenarios whose goals are not in floors of the whole, or with a slow node, are left out.
    """
    shown = [row for row in rows if row.floor_s and row.contender not in (FLOOR, SLOW_FLOOR)]
    names = [
        name
        for name, shape in SCENARIOS.items()
        if shape.goals.unit == "floors"
        and not shape.slow
        and any(row.scenario == name for row in shown)
    ]
    counts = [len({row.contender for row in shown if row.scenario == name}) for name in names]
    if not names:
        return
    figure, axes = plt.subplots(
        len(names),
        1,
        figsize=(9, 0.34 * sum(counts) + 0.75 * len(names)),
        height_ratios=[count + 0.6 for count in counts],
        squeeze=False,
        sharex=True,
        layout="constrained",
    )
    for name, axis in zip(names, axes[:, 0], strict=True):
        ours = [row for row in shown if row.scenario == name]
        contenders = sorted({row.contender for row in ours}, key=order_of, reverse=True)
        for place, contender in enumerate(contenders):
            value = middle([row for row in ours if row.contender == contender], floors) or 0.0
            way = OURS.get(contender)
            axis.barh(place, value, color=OWN if contender.startswith("xfd") else OTHER)
            axis.text(min(value, SHOWN), place, f" {value:.2f}", va="center", fontsize=8)
            goal = getattr(SCENARIOS[name].goals, way) if way else None
            if goal is not None:
                axis.plot([goal, goal], [place - 0.45, place + 0.45], color="#d62728", linewidth=2)
        axis.axvline(1.0, color="black", linewidth=0.8)
        axis.set_yticks(range(len(contenders)), contenders, fontsize=8)
        axis.set_title(name, loc="left", fontsize=9)
        axis.set_xlim(0, SHOWN)
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1, 0].set_xlabel("time in floors (one s5cmd on one node); red: goal")
    figure.savefig(path)
    plt.close(figure)
