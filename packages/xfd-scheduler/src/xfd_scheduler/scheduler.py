"""The scheduler: events in, orders out.

`handle` takes in what happened, `plan` hands out orders, `next_wakeup` says when to ask again. It
has no clock and no chance of its own: the same events, times and seed give the same orders.

    swarm      the state of each node and chunk (`columns`), and the moves between states
    planner    what to order next: `waves` of new chunks, `filling` of single nodes
    reports    inventories and reports
    faults     what follows from failures; `losses` of nodes; `slow` orders
    speeds     which nodes have slow links; `rates` how much work each should have
"""

from __future__ import annotations

import math

from xfd_api.errors import XfdError
from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex
from xfd_api.orders import MeetPeers, Order, Pin
from xfd_api.traffic import Traffic
from xfd_scheduler.events import (
    CatalogGrew,
    Event,
    InventoryTaken,
    NodeJoined,
    NodeLost,
    NodeStarting,
    Released,
    Reported,
)
from xfd_scheduler.intake.departures import lost
from xfd_scheduler.intake.failures import Faults
from xfd_scheduler.intake.releases import release
from xfd_scheduler.intake.reports import Reports
from xfd_scheduler.policy.plan import Planner
from xfd_scheduler.settings import SchedulerSettings
from xfd_scheduler.state import invariants
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.transitions import Swarm

__all__ = ["Scheduler", "SchedulerSettings"]


DEFAULTS = SchedulerSettings()


class Scheduler:
    """Decides who fetches what from whom. See `handle` and `plan`."""

    def __init__(self, settings: SchedulerSettings = DEFAULTS, *, seed: int = 0) -> None:
        self._swarm = Swarm(settings)
        self._faults = Faults(self._swarm)
        self._reports = Reports(self._swarm, self._faults)
        self._planner = Planner(self._swarm, self._faults, seed)
        self._now = 0.0
        self._again = False
        self._sized_for = 0

    def handle(self, event: Event, now: float) -> None:
        """Takes in what happened. `now` is in seconds and never goes back.

        Events of nodes that never joined, or are lost, change nothing.

        Raises:
            ValueError: a catalog does not follow the known one.
        """
        self._now = now
        swarm = self._swarm
        match event:
            case Reported(node, report):
                self._reports.settle()
                if (member := swarm.by_id.get(node)) is not None:
                    self._reports.take(member, report, now)
            case CatalogGrew(catalog):
                swarm.grow(catalog)
            case NodeStarting(node):
                swarm.starting.add(node)
            case NodeJoined():
                self._join(event)
            case InventoryTaken(node, objects, inventory):
                swarm.starting.discard(node)
                if (member := swarm.by_id.get(node)) is not None:
                    if swarm.patient_until == math.inf:
                        swarm.patient_until = now + swarm.settings.patience_s
                    self._reports.inventory(member, objects, inventory)
            case NodeLost(node):
                swarm.starting.discard(node)
                self._reports.settle()
                lost(swarm, self._faults, node)
            case Released(objects):
                self._reports.settle()
                release(swarm, objects)
            case _:
                pass

    def plan(self, now: float) -> dict[NodeId, list[Order]]:
        """Orders for the nodes that have some, each given once.

        What a node is given is to be carried out in its order: peers' addresses and checksums come
        before the orders that need them.
        """
        self._now = now
        self._reports.settle()
        if self._sized_for != len(self._swarm.members):
            self._sized_for = len(self._swarm.members)
            for member in self._swarm.members.values():
                self._reports.resize(member)
        self._again = not self._planner.plan(now)
        orders: dict[NodeId, list[Order]] = {}
        for member in self._swarm.members.values():
            if member.outbox:
                orders[member.id] = _unload(member)
        return orders

    def next_wakeup(self) -> float | None:
        """When to send a `Tick`, if nothing else happens before."""
        swarm = self._swarm
        if self._again:
            return self._now
        times = [swarm.resting.next(), swarm.peers_resting.next(), self._planner.slow.next()]
        if swarm.wanted:
            times.append(swarm.origin_rest_until)
            times.extend(swarm.pairs_resting.values())
        if swarm.starting and swarm.patient_until < math.inf:
            times.append(swarm.patient_until)
        later = [time for time in times if time is not None and time > self._now]
        return min(later, default=None)

    def landed(self, node: NodeId) -> int:
        """Objects landed on the node, as a bit set over object indexes."""
        member = self._swarm.by_id.get(node)
        return 0 if member is None else member.landed

    def failures(self) -> dict[tuple[NodeId, ObjectIndex], XfdError]:
        """Objects that cannot land on a node, and why; an origin's final refusal is on every node
        that wants the object.
        """
        return dict(self._swarm.failures)

    def elsewhere(self, node: NodeId) -> dict[ObjectIndex, NodeId | None]:
        """Objects that the node waits for another writer of its disk to land, with the writer.

        A writer that is lost, or is no node of this swarm, never lands them: take the inventory of
        these objects again.
        """
        member = self._swarm.by_id.get(node)
        return {} if member is None else dict(member.elsewhere)

    def catalog_size(self) -> tuple[int, int]:
        """Objects and chunks that are known: where the next catalog carries on."""
        catalog = self._swarm.catalog
        return len(catalog.chunks_of), len(catalog.sizes)

    def open_chunks(self) -> dict[NodeId, int]:
        """For each node, chunks that it wants and is not ordered to fetch, as a bit set."""
        self._reports.settle()
        return {member.id: member.open for member in self._swarm.members.values()}

    def traffic(self) -> Traffic:
        """Bytes moved so far, within and across zones; `Traffic.at` prices them."""
        return Traffic.of(self._swarm.traffic.moved)

    def check_invariants(self) -> None:
        """Derives every index anew and compares.

        Raises:
            AssertionError: an index is wrong.
        """
        self._reports.settle()
        invariants.check(self._swarm)

    def _join(self, event: NodeJoined) -> None:
        swarm = self._swarm
        known = swarm.by_id.get(event.node)
        if known is not None:
            if known.address == event.address:
                return
            self._reports.settle()
            lost(swarm, self._faults, event.node)
        member = Member(swarm.next_index, event.node, event.address, event.traits)
        swarm.next_index += 1
        if swarm.members:
            member.clock = min(peer.clock for peer in swarm.members.values())
        swarm.members[member.index] = member
        swarm.by_id[member.id] = member
        swarm.traffic.zone_of[member.id] = member.zone
        swarm.zones[member.zone] = swarm.zones.get(member.zone, 0) | member.bit
        swarm.offering |= member.bit
        swarm.speeds.told(member, swarm.members.values())
        self._reports.resize(member)


def _unload(member: Member) -> list[Order]:
    orders: list[Order] = []
    if member.meet:
        orders.append(MeetPeers(tuple(member.meet.values())))
        member.meet = {}
    if member.pins:
        orders.append(
            Pin(tuple((ChunkIndex(chunk), crc) for chunk, crc in sorted(member.pins.items())))
        )
        member.pins = {}
    orders.extend(member.outbox)
    member.outbox = []
    return orders
