"""Limits of the policy that follow from the size and the state of the swarm."""

from __future__ import annotations

from xfd_scheduler.bounds import (
    CHUNKS_PER_SHARED_TREE,
    LARGE_SWARM_NODES,
    LARGE_SWARM_RUN_FACTOR,
    PLANNABLE_ASSIGNMENTS_PER_S,
    RUNS_PER_QUEUE,
)
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.tuning import AHEAD, FIRST_ORIGIN_READS


def run_limit(swarm: SwarmState) -> int:
    """Chunks of one run: more than one, so that a plan costs less. Each has its own tree."""
    limit = max(1, swarm.settings.download_slots // RUNS_PER_QUEUE)
    is_large = len(swarm.members) >= LARGE_SWARM_NODES
    return LARGE_SWARM_RUN_FACTOR * limit if is_large else limit


def chunks_per_tree(swarm: SwarmState) -> int:
    """Chunks that share a tree, and so an order.

    One, or two if the swarm may need more assignments per second than a process plans one by one.
    """
    bytes_per_s = len(swarm.members) * swarm.settings.assumed_bytes_per_s
    needed_per_s = bytes_per_s / swarm.catalog.mean_size
    return 1 if needed_per_s < PLANNABLE_ASSIGNMENTS_PER_S else CHUNKS_PER_SHARED_TREE


def promise_limit(swarm: SwarmState, member: Member) -> int:
    """Pending orders that may name the member: those that run at once, and as many to follow."""
    return AHEAD * max(swarm.settings.upload_slots, member.queued)


def waits_for_nodes(swarm: SwarmState, now: float) -> bool:
    """Whether new chunks wait for nodes that are starting, which would miss them."""
    is_patient = bool(swarm.starting) and now < swarm.patient_until
    return is_patient and swarm.launch_count >= FIRST_ORIGIN_READS


def delays_others(swarm: SwarmState, member: Member) -> bool:
    """Whether what the member missed delays chunks that are sent to it now."""
    return bool(swarm.catching_up & member.bit or member.missed & member.open)
