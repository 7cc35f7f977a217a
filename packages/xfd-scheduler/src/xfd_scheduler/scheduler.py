"""The scheduler: events in, orders out.

`handle` applies what happened, `plan` gives out orders, `next_wakeup` says when to plan again. The
scheduler has no clock and no randomness of its own: the same events, times and seed give the same
orders.

    state      nodes and chunks, and the moves between their states
    intake     applies events: inventories, reports, failures, lost nodes, releases
    links      estimates the nodes' links, and how much work each should have
    policy     what to order next
    tuning     every constant of these
    bounds     what bounds cost and attempts
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
    NodeHeard,
    NodeJoined,
    NodeLost,
    NodeSilent,
    NodeStarting,
    Released,
    Reported,
    Tick,
)
from xfd_scheduler.intake.departures import remove_node
from xfd_scheduler.intake.failures import Failures
from xfd_scheduler.intake.inventories import Inventories
from xfd_scheduler.intake.releases import release
from xfd_scheduler.intake.reports import Reports
from xfd_scheduler.intake.silence import be_heard, fall_silent
from xfd_scheduler.links.estimate import LinkEstimator
from xfd_scheduler.links.windows import resize
from xfd_scheduler.policy.plan import Planner
from xfd_scheduler.settings import SchedulerSettings
from xfd_scheduler.state import invariants
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import SwarmState

__all__ = ["Scheduler", "SchedulerSettings"]


DEFAULTS = SchedulerSettings()


class Scheduler:
    """Decides which node fetches which chunk, and from which source.

    The example of the package `xfd_scheduler` shows a whole swarm of two nodes.
    """

    def __init__(self, settings: SchedulerSettings = DEFAULTS, *, seed: int = 0) -> None:
        self._swarm = SwarmState(settings)
        self._estimator = LinkEstimator(self._swarm.links)
        self._failures = Failures(self._swarm)
        self._inventories = Inventories(self._swarm, self._failures)
        self._reports = Reports(self._swarm, self._failures, self._inventories, self._estimator)
        self._planner = Planner(self._swarm, self._estimator, seed)
        self._now = 0.0
        self._is_unfinished = False
        self._sized_for = 0

    def handle(self, event: Event, now: float) -> None:
        """Applies an event. Events of nodes that never joined, or are lost, change nothing.

        Args:
            event: what happened.
            now: the time in seconds, which never goes back.

        Raises:
            ValueError: a catalog does not follow the known one.
            TypeError: `event` is no event.
        """
        self._now = now
        swarm = self._swarm
        match event:
            case Reported(node, report):
                self._inventories.open_wanted()
                if (member := swarm.by_id.get(node)) is not None:
                    self._reports.add(member, report, now)
            case CatalogGrew(catalog):
                swarm.grow(catalog)
                self._estimator.grow(len(swarm.catalog.sizes))
            case NodeStarting(node):
                swarm.starting.add(node)
            case NodeJoined():
                self._join(event)
            case InventoryTaken(node, objects, inventory):
                swarm.starting.discard(node)
                if (member := swarm.by_id.get(node)) is not None:
                    if swarm.patient_until == math.inf:
                        swarm.patient_until = now + swarm.settings.patience_s
                    self._inventories.add(member, objects, inventory)
            case NodeLost(node):
                swarm.starting.discard(node)
                self._inventories.open_wanted()
                remove_node(swarm, self._failures, node)
            case NodeSilent(node):
                self._inventories.open_wanted()
                if (member := swarm.by_id.get(node)) is not None:
                    fall_silent(swarm, member)
            case NodeHeard(node):
                if (member := swarm.by_id.get(node)) is not None:
                    be_heard(swarm, member)
            case Released(objects):
                self._inventories.open_wanted()
                release(swarm, objects)
            case Tick():
                pass
            case _:
                raise TypeError(f"{event!r} is no event of xfd_scheduler.events")

    def plan(self, now: float) -> dict[NodeId, list[Order]]:
        """Orders for the nodes that have some, each given once.

        A node has to carry them out in their order: addresses of peers and checksums come before
        the orders that need them.
        """
        self._now = now
        self._inventories.open_wanted()
        if self._sized_for != len(self._swarm.members):
            self._sized_for = len(self._swarm.members)
            for member in self._swarm.members.values():
                resize(self._swarm, member)
        self._is_unfinished = not self._planner.plan(now)
        orders: dict[NodeId, list[Order]] = {}
        for member in self._swarm.members.values():
            if member.pending_orders:
                orders[member.id] = _take_orders(member)
        return orders

    def next_wakeup(self) -> float | None:
        """When to send a `Tick`, if nothing else happens before; None for never."""
        swarm = self._swarm
        if self._is_unfinished:
            return self._now
        times = [
            swarm.resting_chunks.next_due(),
            swarm.resting_peers.next_due(),
            swarm.resting_readers.next_due(),
            self._planner.reconsider.next_look(),
        ]
        if swarm.open_chunks:
            times.append(swarm.origin_rest_until)
            times.extend(swarm.resting_pairs.values())
        if swarm.starting and swarm.patient_until < math.inf:
            times.append(swarm.patient_until)
        later = [time for time in times if time is not None and time > self._now]
        return min(later, default=None)

    def landed(self, node: NodeId) -> int:
        """Objects that have landed on the node, as a bit set over object indexes."""
        member = self._swarm.by_id.get(node)
        return 0 if member is None else member.landed

    def failures(self) -> dict[tuple[NodeId, ObjectIndex], XfdError]:
        """Objects that cannot land on a node, and why.

        If the origin finally refuses an object, it is listed for every node that wants it.
        """
        return dict(self._swarm.failures)

    def locked_by_other(self, node: NodeId) -> dict[ObjectIndex, NodeId | None]:
        """Objects that another writer of the node's disk writes, with that writer.

        A writer that is lost, or is no node of this swarm, never lands them: take the inventory of
        these objects again.
        """
        member = self._swarm.by_id.get(node)
        return {} if member is None else dict(member.locked_by_other)

    def catalog_size(self) -> tuple[int, int]:
        """Objects and chunks that are known: the next catalog continues there."""
        catalog = self._swarm.catalog
        return len(catalog.chunks_of), len(catalog.sizes)

    def open_chunks(self) -> dict[NodeId, int]:
        """For each node, chunks that it wants and is not ordered to fetch, as a bit set."""
        self._inventories.open_wanted()
        return {member.id: member.open for member in self._swarm.members.values()}

    def traffic(self) -> Traffic:
        """Bytes moved so far, within and across zones; `Traffic.at` adds their cost."""
        return Traffic.of(self._swarm.traffic.moved)

    def check_invariants(self) -> None:
        """Derives every index again and compares.

        Raises:
            AssertionError: an index is wrong.
        """
        self._inventories.open_wanted()
        invariants.check(self._swarm)

    def _join(self, event: NodeJoined) -> None:
        """Adds a node. One that joined before with another address is lost first."""
        swarm = self._swarm
        known = swarm.by_id.get(event.node)
        if known is not None:
            if known.address == event.address:
                return
            self._inventories.open_wanted()
            remove_node(swarm, self._failures, event.node)
        member = Member(swarm.next_index, event.node, event.address, event.traits)
        swarm.next_index += 1
        if swarm.members:
            member.uplink_load = min(peer.uplink_load for peer in swarm.members.values())
        swarm.members[member.index] = member
        swarm.by_id[member.id] = member
        swarm.traffic.zone_of[member.id] = member.zone
        swarm.zones[member.zone] = swarm.zones.get(member.zone, 0) | member.bit
        swarm.available |= member.bit
        self._estimator.add_node(member, swarm.members.values())
        resize(swarm, member)


def _take_orders(member: Member) -> list[Order]:
    """The member's pending orders, after the addresses and checksums that they need."""
    orders: list[Order] = []
    if member.pending_addresses:
        orders.append(MeetPeers(tuple(member.pending_addresses.values())))
        member.pending_addresses = {}
    if member.pending_pins:
        pins = sorted(member.pending_pins.items())
        orders.append(Pin(tuple((ChunkIndex(chunk), crc) for chunk, crc in pins)))
        member.pending_pins = {}
    orders.extend(member.pending_orders)
    member.pending_orders = []
    return orders
