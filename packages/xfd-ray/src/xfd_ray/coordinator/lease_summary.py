"""How far a lease is: the `Progress` that its driver gets some times a second. Pure.

It looks once at each node. What it sends does not grow with their number.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import NamedTuple

from xfd_api.ids import NodeId
from xfd_api.node_names import node_name
from xfd_api.progress import (
    MOST_STALLS,
    MOST_STANDINGS,
    PHASES,
    NodeStanding,
    Phase,
    Progress,
)
from xfd_api.smoothed_rate import seconds_left
from xfd_api.stall_words import Names
from xfd_ray.coordinator.lease_outcomes import landed_everywhere
from xfd_ray.coordinator.lease_progress import LeaseProgress
from xfd_ray.coordinator.node_activity import NodeActivity
from xfd_ray.coordinator.node_progress import NodeProgress
from xfd_ray.coordinator.node_standing import (
    done_bytes,
    phase,
    rate_now,
    stall_of,
    standing_of,
)


class _Seen(NamedTuple):
    """A node as it is now; the slowest one is the smallest."""

    is_done: bool
    done_bytes: int
    node: NodeId
    phase: Phase
    stall: str | None


def summary_of(
    progress: LeaseProgress, now: float, activities: Mapping[NodeId, NodeActivity]
) -> Progress:
    """How far the lease is, by what its nodes have and what they last reported."""
    live = {name: state for name, state in progress.nodes.items() if not state.is_lost}

    def name_of(node: NodeId) -> str:
        return _name(progress, node)

    seen = [
        _look(progress, name, state, now, activities.get(name), name_of)
        for name, state in live.items()
    ]
    behind = [each for each in seen if not each.is_done]
    total = sum(state.share.bytes for state in live.values())
    done = sum(each.done_bytes for each in seen)
    rate = _rate_of(behind, activities)
    phase_now = _phase_of_all(behind) if seen else "moving"
    standings = _standings(progress, seen, activities)
    return Progress(
        elapsed_s=now - progress.began,
        total_bytes=total,
        done_bytes=done,
        origin_bytes=sum(state.origin_bytes for state in progress.nodes.values()),
        peer_bytes=sum(state.peer_bytes for state in progress.nodes.values()),
        nodes=len(live),
        nodes_done=len(seen) - len(behind),
        objects=len(progress.objects),
        objects_done=landed_everywhere(progress).bit_count(),
        phase=phase_now,
        cached_bytes=sum(state.found_bytes for state in live.values()),
        bytes_per_s=rate,
        left_s=seconds_left(total - done, rate) if phase_now == "moving" else None,
        per_node=standings,
        slowest=standings[0].node if behind else None,
        retries=sum(state.retries for state in progress.nodes.values()),
        stalls=_stall_lines(progress, behind, activities),
    )


def _look(
    progress: LeaseProgress,
    name: NodeId,
    state: NodeProgress,
    now: float,
    activity: NodeActivity | None,
    name_of: Names,
) -> _Seen:
    here = done_bytes(state, activity, state.share.bytes, progress.largest_chunk)
    if state.done_at is not None:
        return _Seen(True, here, name, "done", None)
    now_phase = phase(state, activity)
    stall = stall_of(
        state,
        activity,
        now,
        is_moving=now_phase == "moving",
        objects=progress.objects,
        name_of=name_of,
    )
    return _Seen(False, here, name, now_phase, stall)


def _phase_of_all(behind: list[_Seen]) -> Phase:
    """The earliest phase; nodes that are still finding count only if all of them are."""
    phases = {each.phase for each in behind}
    if len(phases) > 1:
        phases.discard("finding")
    return min(phases, key=PHASES.index, default="done")


def _rate_of(behind: list[_Seen], activities: Mapping[NodeId, NodeActivity]) -> float | None:
    known = [
        rate_now(activities[each.node].rate.per_s, each.stall)
        for each in behind
        if each.node in activities and each.phase == "moving"
    ]
    rates = [rate for rate in known if rate is not None]
    return sum(rates) if rates else None


def _standings(
    progress: LeaseProgress, seen: list[_Seen], activities: Mapping[NodeId, NodeActivity]
) -> tuple[NodeStanding, ...]:
    return tuple(
        standing_of(
            each.node,
            progress.nodes[each.node],
            activities.get(each.node),
            each.phase,
            progress.nodes[each.node].share.bytes,
            each.done_bytes,
            each.stall,
        )
        for each in heapq.nsmallest(MOST_STANDINGS, seen)
    )


def _stall_lines(
    progress: LeaseProgress, behind: list[_Seen], activities: Mapping[NodeId, NodeActivity]
) -> tuple[str, ...]:
    """A line for each node that receives nothing; those first that know more than "I wait"."""
    stalled = [each for each in behind if each.stall is not None]
    if not stalled:
        return ()

    def only_waits(each: _Seen) -> bool:
        activity = activities.get(each.node)
        stall = None if activity is None else activity.stall
        return stall is not None and not stall.failure

    stalled.sort(key=lambda each: (only_waits(each), each))
    named = stalled if len(stalled) <= MOST_STALLS else stalled[: MOST_STALLS - 1]
    lines = [f"node {_name(progress, each.node)}: {each.stall}" for each in named]
    if len(named) < len(stalled):
        lines.append(f"{len(stalled) - len(named)} more nodes receive nothing")
    return tuple(lines)


def _name(progress: LeaseProgress, node: NodeId) -> str:
    state = progress.nodes.get(node)
    return node_name(node, "" if state is None else state.host)
