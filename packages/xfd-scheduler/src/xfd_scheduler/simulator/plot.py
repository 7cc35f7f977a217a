"""Pictures of a simulated run. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

from xfd_scheduler.simulator.outcome import Outcome

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def draw(outcomes: Sequence[Outcome], path: Path) -> None:
    """Writes the pictures of `figure_of` into a file."""
    figure = figure_of(outcomes)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def figure_of(outcomes: Sequence[Outcome]) -> Figure:
    """Pictures of the last outcome, and of all if there are several.

    How many nodes hold each chunk over time; how many hold all; time over bound against the number
    of nodes.
    """
    outcome = outcomes[-1]
    panels = 3 if len(outcomes) > 1 else 2
    figure, axes = plt.subplots(
        panels, 1, figsize=(8, 3 * panels), height_ratios=(3, 1, 2)[:panels], layout="constrained"
    )
    axes[1].sharex(axes[0])
    _heat(axes[0], outcome)
    _completion(axes[1], outcome)
    if panels == 3:
        nodes = [one.scenario.nodes for one in outcomes]
        axes[2].plot(nodes, [one.ratio for one in outcomes], marker="o")
        axes[2].set_xscale("log", base=2)
        axes[2].set_xticks(nodes, [str(each) for each in nodes])
        axes[2].set_xlabel("nodes")
        axes[2].set_ylabel("time / bound")
        axes[2].axhline(1.0, color="black", linestyle=":")
    return figure


def _heat(axes: Axes, outcome: Outcome) -> None:
    scenario = outcome.scenario
    times = np.array(outcome.arrivals)
    chunks = np.array(outcome.chunks)
    count = int(chunks.max()) + 1
    columns, rows = 200, min(count, 200)
    cells, _, _ = np.histogram2d(
        chunks, times, bins=(rows, columns), range=((0, count), (0.0, outcome.elapsed_s))
    )
    in_row, _ = np.histogram(np.arange(count), bins=rows, range=(0, count))
    share = np.cumsum(cells, axis=1) / (scenario.nodes * in_row[:, None])
    image = axes.imshow(
        share, aspect="auto", origin="lower", extent=(0, outcome.elapsed_s, 0, count), vmax=1.0
    )
    figure = axes.get_figure()
    if figure is not None:
        figure.colorbar(image, ax=axes, label="share of nodes that hold it")
    axes.set_ylabel("chunk")
    axes.set_title(
        f"{scenario.nodes} nodes, {scenario.total_bytes / 1e9:g} GB: "
        f"{outcome.elapsed_s:.2f} s, {outcome.ratio:.3f} x the bound"
    )


def _completion(axes: Axes, outcome: Outcome) -> None:
    times = np.sort(np.array(outcome.arrivals))
    whole = np.array(outcome.finished)
    axes.plot(times, np.linspace(0, 1, times.size), label="bytes")
    axes.step(whole, np.linspace(0, 1, whole.size), where="post", label="whole nodes")
    axes.axvline(outcome.scenario.bound_s(), color="black", linestyle=":", label="bound")
    axes.set_xlabel("seconds")
    axes.set_ylabel("share")
    axes.legend()
