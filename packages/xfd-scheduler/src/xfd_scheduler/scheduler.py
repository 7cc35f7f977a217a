"""The scheduler: events in, orders out."""

from __future__ import annotations

from dataclasses import dataclass

from xfd_api.errors import XfdError
from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.orders import Order
from xfd_scheduler.events import Event


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """Limits that the plan keeps to.

    Attributes:
        download_slots: chunks that one node fetches at once (`node_parallelism`).
        upload_slots: chunks that one node serves at once.
        origin_slots: chunks that the whole swarm reads from the origin at once
            (`object_store_parallelism`).
        attempts: failures of one chunk on one node before the object fails there.
    """

    download_slots: int = 16
    upload_slots: int = 32
    origin_slots: int = 1000
    attempts: int = 6


class Scheduler:
    """Decides who fetches what from whom. See `handle` and `plan`."""

    def __init__(self, settings: SchedulerSettings = SchedulerSettings(), *, seed: int = 0) -> None:
        raise NotImplementedError

    def handle(self, event: Event, now: float) -> None:
        """Takes in what happened. `now` is in seconds and never goes back."""
        raise NotImplementedError

    def plan(self, now: float) -> dict[NodeId, list[Order]]:
        """Orders for the nodes that have some, each given once."""
        raise NotImplementedError

    def next_wakeup(self) -> float | None:
        """When to send a `Tick`, if nothing else happens before."""
        raise NotImplementedError

    def landed(self, node: NodeId) -> int:
        """Objects landed on the node, as a bit set over object indexes."""
        raise NotImplementedError

    def failures(self) -> dict[tuple[NodeId, ObjectIndex], XfdError]:
        """Objects that cannot land on a node, and why; an origin's final refusal is on every node
        that wants the object."""
        raise NotImplementedError

    def check_invariants(self) -> None:
        """Derives every index anew and compares.

        Raises:
            AssertionError: an index is wrong.
        """
        raise NotImplementedError
