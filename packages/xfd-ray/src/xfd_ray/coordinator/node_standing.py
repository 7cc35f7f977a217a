"""How far one node of a lease is, and why it receives nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from xfd_api.chunks import CatalogObject
from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.progress import NodeStanding, Phase
from xfd_api.progress_phases import phase_of
from xfd_api.reports import NodeCounters
from xfd_api.stall_words import Names, duration, stall_words
from xfd_ray.coordinator.node_activity import NodeActivity
from xfd_ray.coordinator.node_progress import NodeProgress

NO_WORKER_AFTER_S = 10.0
"""A worker that has not reported for the first time within this many seconds starts slowly."""

NO_REPORT_AFTER_S = 30.0
"""Workers report every 20 seconds, also if nothing happens; one that does not is stuck."""

NO_REPORT_OF_BYTES_AFTER_S = 10.0
"""One that has received bytes by its last report reports every two seconds."""

SILENT_AFTER_S = 5.0
"""A node whose order failed, and that receives nothing for this long, stands still. The data plane
has the same limit for orders that it tries again by itself (`decides/silence.rs`)."""

_NOTHING = NodeCounters()


def done_bytes(
    state: NodeProgress, activity: NodeActivity | None, total_bytes: int, largest_chunk: int
) -> int:
    """Bytes of the lease that are on a node's disk, those of unfinished chunks included."""
    if state.done_at is not None and not state.failed:
        return total_bytes
    in_flight = 0 if activity is None else activity.bytes_in_flight(largest_chunk)
    return min(total_bytes, state.present_bytes + in_flight)


def phase(state: NodeProgress, activity: NodeActivity | None) -> Phase:
    """What a node does now."""
    return phase_of(
        _NOTHING if activity is None else activity.counters,
        is_done=state.done_at is not None,
        has_inventory=not state.share.mask & ~(state.inspected | state.landed | state.failed),
        lacks_bytes=state.present_bytes < state.share.bytes,
    )


def stall_of(
    state: NodeProgress,
    activity: NodeActivity | None,
    now: float,
    *,
    is_moving: bool,
    objects: Mapping[ObjectIndex, CatalogObject],
    name_of: Names,
) -> str | None:
    """Why a node that is not done receives nothing, in words; None if it does.

    Args:
        state: of the lease on the node.
        activity: what it last reported; None before the first report of its first worker.
        now: the time of the coordinator.
        is_moving: the node lacks bytes.
        objects: of the lease.
        name_of: what another node is called.
    """
    if activity is None or not activity.has_worker:
        waited_s = now - (state.since if activity is None else activity.heard_at)
        if waited_s < NO_WORKER_AFTER_S:
            return None
        return f"its worker has not started for {duration(waited_s)}"
    unheard_s = now - activity.heard_at
    if unheard_s >= (NO_REPORT_OF_BYTES_AFTER_S if activity.was_moving else NO_REPORT_AFTER_S):
        return f"its worker has not answered for {duration(unheard_s)}"
    if not is_moving:
        return None
    if activity.stall is not None:
        return stall_words(activity.stall, activity.stall.idle_s + unheard_s, name_of=name_of)
    silent_s = now - activity.moved_at
    if state.locked_by and (silent_s >= SILENT_AFTER_S or not activity.is_receiving):
        index, writer = next(iter(state.locked_by.items()))
        other = "another process" if writer is None else f"node {name_of(writer)}"
        return f"waits for {other}, which writes {objects[index].destination} on the same disk"
    if activity.failure is not None and silent_s >= SILENT_AFTER_S:
        return stall_words(activity.failure, silent_s, name_of=name_of)
    return None


def standing_of(
    node: NodeId,
    state: NodeProgress,
    activity: NodeActivity | None,
    now_phase: Phase,
    total_bytes: int,
    done_bytes: int,
    stall: str | None,
) -> NodeStanding:
    """The node's part of a `Progress`."""
    rate = None if activity is None else activity.rate.per_s
    return NodeStanding(
        node=node,
        host=state.host,
        phase=now_phase,
        total_bytes=total_bytes,
        done_bytes=done_bytes,
        bytes_per_s=rate_now(rate, stall) if now_phase == "moving" else None,
        stall=stall,
    )


def rate_now(rate: float | None, stall: str | None) -> float | None:
    """A rate by the last reports is none any more once nothing arrives."""
    return rate if stall is None or rate is None else 0.0
