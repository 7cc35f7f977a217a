"""Running transfers as columns, so that a step over all of them is a few array operations."""

from __future__ import annotations

import numpy as np

from xfd_scheduler.simulator.network import fair_rates
from xfd_scheduler.simulator.node import NO_FLOW

IDLE, LATENT, RUNNING = 0, 1, 2
DEEPEST = 16
"""Hops of a relay chain that one step follows."""
DONE_WITHIN = 1e-3
"""A transfer is over if fewer bytes are missing."""


class Flows:
    """`slots` transfers for each of `nodes` nodes; transfer `node * slots + k` is the node's k-th.

    The numbers of links follow each other: uplinks of nodes, downlinks, uplinks of zones, their
    downlinks, the origin's link, and one that limits nothing.
    """

    def __init__(self, nodes: int, slots: int, zones: int) -> None:
        count = nodes * slots
        self.nodes = nodes
        self.slots = slots
        self.zones = zones
        self.state = np.zeros(count, dtype=np.int8)
        self.got = np.zeros(count)
        self.rate = np.zeros(count)
        """Of the step before."""
        self.size = np.zeros(count)
        self.most = np.full(count, np.inf)
        self.weight = np.ones(count)
        """Rates of transfers that share a link are as their weights."""
        self.parent = np.full(count, NO_FLOW, dtype=np.int64)
        self.origin_link = 2 * nodes + 2 * zones
        self.free_link = self.origin_link + 1
        self.capacity = np.full(self.free_link + 1, np.inf)
        self.paths = np.full((4 if zones > 1 else 2, count), self.free_link, dtype=np.int64)
        self.generation = [0] * count
        self.children: list[list[int]] = [[] for _ in range(count)]

    def start(
        self,
        flow: int,
        size: float,
        source: int | None,
        zones: tuple[int, int],
        parent: int,
        most: float,
        weight: float = 1.0,
    ) -> None:
        """Starts a transfer; `parent` is the source's own running transfer of the chunk."""
        self.state[flow] = RUNNING
        self.got[flow] = 0.0
        self.rate[flow] = 0.0
        self.size[flow] = size
        self.most[flow] = most
        self.weight[flow] = weight
        self.parent[flow] = parent
        if parent != NO_FLOW:
            self.children[parent].append(flow)
        self.paths[0, flow] = self.origin_link if source is None else source
        self.paths[1, flow] = self.nodes + flow // self.slots
        if self.zones > 1:
            mine, other = zones
            crosses = source is not None and mine != other
            self.paths[2, flow] = 2 * self.nodes + other if crosses else self.free_link
            self.paths[3, flow] = 2 * self.nodes + self.zones + mine if crosses else self.free_link

    def stop(self, flow: int, *, whole: bool) -> list[int]:
        """Ends a transfer; returns those that it fed, which continue if it is whole."""
        self.state[flow] = IDLE
        self.generation[flow] += 1
        fed = self.children[flow]
        self.children[flow] = []
        fed = [child for child in fed if self.parent[child] == flow]
        if whole:
            for child in fed:
                self.parent[child] = NO_FLOW
        self.parent[flow] = NO_FLOW
        return fed

    def advance(self, step_s: float) -> np.ndarray:
        """One step of fixed length; returns the transfers that are over.

        A relay may send what its source has at the start of the step, and what arrives during the
        step at the rate of the step before. What did not arrive is taken back.
        """
        running = np.flatnonzero(self.state == RUNNING)
        if not running.size:
            return running
        got = self.got[running]
        left = self.size[running] - got
        parent = self.parent[running]
        fed = np.flatnonzero(parent != NO_FLOW)
        above = parent[fed]
        coming = self.got[above] - got[fed] + self.rate[above] * step_s
        left[fed] = np.minimum(left[fed], coming)
        limits = np.minimum(np.maximum(left, 0.0) / step_s, self.most[running])
        moving = limits > 0
        index = running[moving]
        if index.size:
            weights = self.weight[index]
            rates = fair_rates(
                self.paths[:, index], limits[moving], self.capacity, weights, rounds=12
            )
            self.got[index] += rates * step_s
        below = running[fed]
        for _ in range(DEEPEST):
            ahead = self.got[below] > self.got[above]
            if not ahead.any():
                break
            self.got[below[ahead]] = self.got[above[ahead]]
        self.rate[running] = (self.got[running] - got) / step_s
        return running[self.got[running] >= self.size[running] - DONE_WITHIN]

    def advance_exactly(self, longest_s: float) -> tuple[np.ndarray, float]:
        """Advances to the next change of a rate, at most `longest_s`.

        A relay that has all that its source has runs at most as fast as the source receives.

        Returns:
            The transfers that are over, and the time that passed.
        """
        running = np.flatnonzero(self.state == RUNNING)
        if not running.size:
            return running, longest_s
        parent = self.parent[running]
        fed = parent != NO_FLOW
        gap = np.full(running.size, np.inf)
        gap[fed] = self.got[parent[fed]] - self.got[running[fed]]
        level = fed & (gap <= DONE_WITHIN)
        limits = self.most[running].copy()
        place = np.full(self.state.size, -1, dtype=np.int64)
        place[running] = np.arange(running.size)
        above = place[parent]
        paths = self.paths[:, running]
        weights = self.weight[running]
        rates = fair_rates(paths, limits, self.capacity, weights)
        for _ in range(64):
            tied = limits.copy()
            tied[level] = np.minimum(self.most[running][level], rates[above[level]])
            if np.allclose(tied[level], limits[level], rtol=1e-6):
                break
            limits = tied
            rates = fair_rates(paths, limits, self.capacity, weights)
        left = self.size[running] - self.got[running]
        closing = np.zeros(running.size)
        closing[fed] = rates[fed] - rates[above[fed]]
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = np.where(rates > 0, left / rates, np.inf)
            meets = np.where((closing > 1.0) & ~level, gap / closing, np.inf)
        step_s = float(min(longest_s, ends.min(), meets.min()))
        self.rate[running] = rates
        self.got[running] += rates * step_s
        short = fed & (self.got[running] > self.got[parent])
        self.got[running[short]] = self.got[parent[short]]
        return running[self.got[running] >= self.size[running] - DONE_WITHIN], step_s
