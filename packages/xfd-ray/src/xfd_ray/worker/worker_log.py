"""What a worker logs of its data plane: orders, events, and the data plane's own log."""

from __future__ import annotations

from collections.abc import Sequence

from xfd_api.ids import SwarmId
from xfd_api.orders import Fetch, Order
from xfd_api.reports import ChunkHeld, LogEvent, NodeEvent, ObjectLanded
from xfd_ray.telemetry import log_events
from xfd_ray.telemetry.log import Log


def log_orders(log: Log, swarm: SwarmId, orders: Sequence[Order]) -> None:
    """Logs the fetches among the orders, as one event."""
    runs = [(order.first_order, order.count) for order in orders if isinstance(order, Fetch)]
    if runs:
        log.emit(log_events.ORDERS_TAKEN, swarm=swarm, runs=runs)


def log_node_events(log: Log, swarm: SwarmId, events: Sequence[NodeEvent]) -> None:
    """Logs each chunk that is held and each object that has landed."""
    for event in events:
        if isinstance(event, ChunkHeld):
            log.emit(
                log_events.CHUNK_HELD,
                swarm=swarm,
                order=event.order,
                chunk=event.chunk,
                source=event.source,
                size=event.size,
                seconds=event.seconds,
                transfer_seconds=event.transfer_seconds,
            )
        elif isinstance(event, ObjectLanded):
            log.emit(log_events.OBJECT_LANDED, swarm=swarm, object=event.object)


def log_data_plane(log: Log, events: Sequence[LogEvent]) -> None:
    """Logs what the data plane has logged, with its times."""
    for event in events:
        row = log_events.data_plane_event(event.name, event.level)
        log.emit(row, at_s=event.at_s, **event.fields)
