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
    cost_s: float = 0.0,
) -> float:
    """A peer failed the node `by`, which does not ask it for a while.

    If that counts for all nodes, no node asks the peer for a while after `strikes` failures in a
    row, of as many nodes if there are so many. What rests for all rests as long as the failure took
    (`cost_s`) at least, up to the ceiling: so no more than half of a download slot is lost to it.

    Returns:
        For how many seconds no node asks it; 0 if others do.
    """
    settings = swarm.settings
    pause = rest_s(settings, failures, requested_s)
    swarm.resting_pairs[pair_of(by.index, peer.index)] = now + pause
    if not counts_for_all:
        return 0.0
    peer.struck_by.add(by.index)
    peer.strikes += 1
    by_nodes = min(settings.strikes, len(swarm.members) - 1)
    is_enough = peer.strikes >= settings.strikes and len(peer.struck_by) >= by_nodes
    if not is_enough or swarm.banned & peer.bit:
        return 0.0
    peer.rest_count += 1
    pause = rest_s(settings, peer.rest_count, requested_s)
    pause = max(pause, min(cost_s, settings.rest_ceiling_s))
    _start_over(peer)
    swarm.available &= ~peer.bit
    swarm.resting_peers.set(peer.index, now + pause)
    return pause


def forgive(member: Member) -> None:
    """A chunk arrived from this node."""
    _start_over(member)
    member.rest_count = 0


def _start_over(member: Member) -> None:
    member.struck_by.clear()
    member.strikes = 0


def wake(swarm: SwarmState, now: float) -> None:
    """Makes nodes whose rest is over available again, as sources and as readers."""
    for index in swarm.resting_readers.pop_due(now):
        swarm.denied &= ~(1 << index)
    for index in swarm.resting_peers.pop_due(now):
        if index not in swarm.members:
            continue
        bit = 1 << index
        if swarm.mute & bit:
            swarm.mute &= ~bit
            swarm.update_rarities(bit)
        if not (swarm.banned | swarm.silent) & bit:
            swarm.available |= bit
