"""Why the downlinks of a simulated run were not full, in seconds of a node.

A node whose downlink is full from the first moment takes F/d. Whatever it takes longer, its link
is idle. The idle part of each step is booked under one cause, or split if the streams of a node
have different causes.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from xfd_scheduler.simulator.flows import RUNNING, Flows
from xfd_scheduler.simulator.network import Floats
from xfd_scheduler.simulator.node import NO_FLOW, SimNode

FULL = 0.999
"""A link that carries this share of its capacity limits its transfers."""
CAUGHT_UP = 0.5
"""A relay has caught up with its source if less than this share of a step's bytes is missing."""


class Cause(IntEnum):
    """Why a downlink is not full."""

    START = 0
    """No byte has arrived yet."""
    NOTHING_ORDERED = 1
    """The node has no order that it could carry out."""
    NOTHING_THERE_YET = 2
    """No stream runs: orders wait for latency, or for sources without a byte of the chunk."""
    UPLINK_SHARED = 3
    """The sources' uplinks are full."""
    ORIGIN_SHARED = 4
    """The origin's link is full."""
    SOURCE_RECEIVES = 5
    """The sources relay what they receive, and receive slower."""
    OTHER = 6
    """Nothing seems to hold the streams back: parts of a step, limits of a connection."""
    LAST_CHUNKS = 7
    """Fewer chunks are missing than the node has slots."""


TITLES = {
    Cause.START: "until the first byte",
    Cause.NOTHING_ORDERED: "nothing ordered",
    Cause.NOTHING_THERE_YET: "sources have nothing yet",
    Cause.UPLINK_SHARED: "sources' uplinks are full",
    Cause.ORIGIN_SHARED: "the origin's link is full",
    Cause.SOURCE_RECEIVES: "sources receive it slower",
    Cause.OTHER: "steps and latency",
    Cause.LAST_CHUNKS: "the last chunks",
}


class Idle:
    """Adds up idle seconds. `seconds` has a row for each node and a column for each cause."""

    def __init__(self, nodes: Sequence[SimNode], flows: Flows, chunks: int) -> None:
        self.nodes = nodes
        self.flows = flows
        self.chunks = chunks
        self.seconds = np.zeros((flows.nodes, len(Cause)))

    def step(self, step_s: float) -> None:
        """To be called after a step of the flows, before transfers that are over are removed."""
        flows = self.flows
        running = np.flatnonzero(flows.state == RUNNING)
        to = running // flows.slots
        rate = flows.rate[running]
        count = flows.nodes
        used = np.bincount(to, weights=rate, minlength=count)
        idle = np.clip(1.0 - used / flows.capacity[count : 2 * count], 0.0, 1.0) * step_s
        held_back = self._held_back(running, rate, step_s)
        streams = np.zeros((count, len(Cause)))
        np.add.at(streams, (to, held_back), 1.0)
        with np.errstate(invalid="ignore"):
            shares = streams / streams.sum(axis=1, keepdims=True)
        for node in self.nodes:
            if not node.alive or node.finished is not None:
                continue
            lost = idle[node.index]
            if self.chunks - len(node.held) < node.slots:
                self.seconds[node.index, Cause.LAST_CHUNKS] += lost
            elif streams[node.index].any():
                self.seconds[node.index] += lost * shares[node.index]
            elif not node.held:
                self.seconds[node.index, Cause.START] += lost
            else:
                is_idle = not node.active
                cause = Cause.NOTHING_ORDERED if is_idle else Cause.NOTHING_THERE_YET
                self.seconds[node.index, cause] += lost

    def _held_back(self, running: np.ndarray, rate: Floats, step_s: float) -> np.ndarray:
        """The cause of each running stream."""
        flows = self.flows
        link = flows.paths[0, running]
        load = np.bincount(link, weights=rate, minlength=flows.capacity.size)
        full = load >= FULL * flows.capacity
        parent = flows.parent[running]
        left = np.where(parent == NO_FLOW, np.inf, flows.got[parent] - flows.got[running])
        causes = np.full(running.size, Cause.OTHER)
        causes[left <= CAUGHT_UP * np.maximum(rate * step_s, 1.0)] = Cause.SOURCE_RECEIVES
        causes[full[link]] = Cause.UPLINK_SHARED
        causes[full[link] & (link == flows.origin_link)] = Cause.ORIGIN_SHARED
        return causes

    def table(self, elapsed_s: float) -> str:
        """Seconds by cause: the mean, the median node, and the node that finished last."""
        there = [node for node in self.nodes if node.alive and not node.joined]
        order = sorted(there, key=lambda node: node.finished or elapsed_s)
        median, last = order[len(order) // 2], order[-1]
        rows = self.seconds[[node.index for node in there]]
        lines = [f"{'seconds of idle downlink':28} {'mean':>8} {'median':>8} {'last':>8}"]
        for cause, title in TITLES.items():
            column = rows[:, cause]
            lines.append(
                f"{title:28} {column.mean():8.3f} {self.seconds[median.index, cause]:8.3f} "
                f"{self.seconds[last.index, cause]:8.3f}"
            )
        whole = [node.finished or elapsed_s for node in order]
        lines.append(
            f"{'whole at':28} {sum(whole) / len(whole):8.3f} {median.finished or 0:8.3f} "
            f"{last.finished or 0:8.3f}"
        )
        return "\n".join(lines)
