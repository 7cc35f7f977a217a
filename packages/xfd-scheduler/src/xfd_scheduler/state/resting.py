"""Sources that failed, and how long they rest."""

from __future__ import annotations

from xfd_scheduler.settings import SchedulerSettings
from xfd_scheduler.state.keys import pair_of
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.state.timers import delay


def rest_s(settings: SchedulerSettings, failures: int, requested_s: float | None) -> float:
    """Seconds to rest after so many failures; at least what the source requested."""
    return max(delay(failures, settings.rest_s, settings.rest_ceiling_s), requested_s or 0.0)


def strike(
    swarm: SwarmState,
    peer: Member,
    by: Member,
    failures: int,
    requested_s: float | None,
    now: float,
    *,
    counts_for_all: bool = True,
) -> None:
    """A peer failed the node `by`, which does not ask it for a while.

    If that counts for all nodes, no node asks the peer for a while after several nodes in a row.
    """
    settings = swarm.settings
    pause = rest_s(settings, failures, requested_s)
    swarm.resting_pairs[pair_of(by.index, peer.index)] = now + pause
    if not counts_for_all:
        return
    peer.strikes.add(by.index)
    if len(peer.strikes) < settings.strikes or swarm.banned & peer.bit:
        return
    peer.strikes.clear()
    peer.rest_count += 1
    swarm.available &= ~peer.bit
    swarm.resting_peers.set(peer.index, now + rest_s(settings, peer.rest_count, requested_s))


def forgive(member: Member) -> None:
    """A chunk arrived from this node."""
    member.strikes.clear()
    member.rest_count = 0


def wake(swarm: SwarmState, now: float) -> None:
    """Makes nodes whose rest is over available again."""
    for index in swarm.resting_peers.pop_due(now):
        if index in swarm.members and not ((swarm.banned | swarm.silent) >> index) & 1:
            swarm.available |= 1 << index
