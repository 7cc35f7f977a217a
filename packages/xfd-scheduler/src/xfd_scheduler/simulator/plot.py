"""Pictures of a simulated run. Needs matplotlib."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

from xfd_scheduler.simulator.outcome import Outcome

mpl.use("Agg")
from matplotlib import pyplot as plt


def draw(outcome: Outcome, path: Path) -> None:
    """How many nodes hold each chunk over time, and how many nodes are whole."""
    scenario = outcome.scenario
    times = np.array(outcome.arrivals)
    chunks = np.array(outcome.chunks)
    count = int(chunks.max()) + 1
    columns, rows = 200, min(count, 200)
    cells, _, _ = np.histogram2d(
        chunks, times, bins=(rows, columns), range=((0, count), (0.0, outcome.elapsed_s))
    )
    share = np.cumsum(cells, axis=1) / (scenario.nodes * count / rows)
    figure, (heat, curve) = plt.subplots(
        2, 1, figsize=(8, 6), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    image = heat.imshow(
        share, aspect="auto", origin="lower", extent=(0, outcome.elapsed_s, 0, count), vmax=1.0
    )
    figure.colorbar(image, ax=heat, label="share of nodes that hold it")
    heat.set_ylabel("chunk")
    heat.set_title(
        f"{scenario.nodes} nodes, {scenario.total_bytes / 1e9:g} GB: "
        f"{outcome.elapsed_s:.2f} s, {outcome.ratio:.3f} x the bound"
    )
    whole = np.array(outcome.finished)
    curve.plot(np.sort(times), np.linspace(0, 1, times.size), label="bytes")
    curve.step(whole, np.linspace(0, 1, whole.size), where="post", label="whole nodes")
    curve.axvline(scenario.bound_s(), color="black", linestyle=":", label="bound")
    curve.set_xlabel("seconds")
    curve.set_ylabel("share")
    curve.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)
