"""Which nodes may get a worker, and when. Pure.

A lost worker is started again after a pause that grows with each loss. A node is refused if its
worker cannot start, or was lost too often, until a new lease asks for it. If Ray itself refuses to
start a process, two more attempts are enough: a drained node stays drained, and all leases wait.
"""

from __future__ import annotations

from collections.abc import Iterable

from xfd_api.errors import NodeLostError, NodeUnavailableError, XfdError
from xfd_api.ids import NodeId

PAUSES_S = (1.0, 4.0, 15.0, 30.0)
"""How long after each loss of a worker another is started on its node."""

PAUSES_IF_REFUSED_S = (0.5, 2.0)
"""The same for a node on which Ray starts no process."""

LONG_REFUSAL_S = 30.0
"""A node is not tried again if Ray took this long to refuse it."""

STEADY_S = 300.0
"""Losses before a worker that was up for this long do not count."""


class Restarts:
    """Invariant: a node has a pause or a refusal, or neither; never both."""

    def __init__(self) -> None:
        self._starting_since: dict[NodeId, float] = {}
        self._up_since: dict[NodeId, float] = {}
        self._losses: dict[NodeId, int] = {}
        self._start_at: dict[NodeId, float] = {}
        self._refusals: dict[NodeId, XfdError] = {}

    @property
    def pausing(self) -> tuple[NodeId, ...]:
        """The nodes whose worker was lost and is not up again."""
        return tuple(self._start_at)

    def refusal(self, node: NodeId) -> XfdError | None:
        """Why the node gets no more workers, if it gets none."""
        return self._refusals.get(node)

    def may_start(self, node: NodeId, now: float) -> bool:
        """Whether a worker may start on the node now."""
        return node not in self._refusals and now >= self._start_at.get(node, now)

    def starting(self, node: NodeId, now: float) -> None:
        """A worker is being started on the node."""
        self._starting_since.setdefault(node, now)

    def came_up(self, node: NodeId, now: float) -> None:
        """A worker is up."""
        self._up_since[node] = now
        self._starting_since.pop(node, None)
        self._start_at.pop(node, None)

    def lost(self, node: NodeId, error: XfdError, now: float) -> bool:
        """A worker was lost, or could not start; returns whether to start another one.

        Only a `NodeLostError` is worth another attempt.
        """
        up_since = self._up_since.pop(node, now)
        before = 0 if now - up_since >= STEADY_S else self._losses.get(node, 0)
        self._losses[node] = before + 1
        self._start_at.pop(node, None)
        is_refused = isinstance(error, NodeUnavailableError)
        pauses = PAUSES_IF_REFUSED_S if is_refused else PAUSES_S
        took_s = now - self._starting_since.pop(node, now)
        if (
            not isinstance(error, NodeLostError)
            or before >= len(pauses)
            or (is_refused and took_s >= LONG_REFUSAL_S)
        ):
            self._refusals[node] = error
            return False
        self._start_at[node] = now + pauses[before]
        return True

    def forget(self, node: NodeId) -> None:
        """The node itself is gone."""
        for known in (
            self._starting_since,
            self._up_since,
            self._losses,
            self._start_at,
            self._refusals,
        ):
            known.pop(node, None)

    def lift_refusals(self, nodes: Iterable[NodeId]) -> None:
        """Lifts refusals for a new lease, because their causes may be gone."""
        for node in nodes:
            if self._refusals.pop(node, None) is not None:
                self._losses.pop(node, None)
