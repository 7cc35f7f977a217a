"""Who gets a wave from whom: trees below its readers, zone by zone.

A node that is not offered as a source (it is banned, or rests) stands below others only.
"""

from __future__ import annotations

from collections.abc import Sequence

from xfd_scheduler.policy import tree_layout
from xfd_scheduler.policy.origin_readers import by_zone
from xfd_scheduler.state.transitions import Swarm


def reached(swarm: Swarm, readers: Sequence[int], order: Sequence[int]) -> list[int]:
    """The nodes that can have what these read: all, but by the policy and for lack of sources.

    A zone whose reader has to wait comes later.
    """
    able = [node for node in readers if swarm.offering >> node & 1]
    if swarm.settings.origin_policy == "once-per-zone":
        read_in = {swarm.members[node].zone for node in able}
        return [node for node in order if swarm.members[node].zone in read_in or node in readers]
    return list(order if able else readers)


def seated(
    swarm: Swarm, readers: Sequence[int], order: Sequence[int], room: tree_layout.FanOut
) -> tuple[list[int], list[int]]:
    """The nodes of `order`, which `readers` are not among, each after its source; their sources."""
    if not order:
        return [], []
    able = [node for node in readers if swarm.offering >> node & 1]
    groups = by_zone(swarm, order)
    if len(groups) == 1:
        return list(order), _below(swarm, able, order, room)
    roots: dict[str, list[int]] = {}
    for node in able:
        roots.setdefault(swarm.members[node].zone, []).append(node)
    gates: list[int] = []
    for group in groups:
        zone = swarm.members[group[0]].zone
        if zone not in roots:
            gate = [node for node in group if swarm.offering >> node & 1][:1]
            gates.extend(gate or group)
            roots[zone] = gate
    nodes = list(gates)
    sources = _below(swarm, able, gates, room)
    for group in groups:
        mine = roots[swarm.members[group[0]].zone]
        inside = [node for node in group if node not in mine] if mine else []
        nodes.extend(inside)
        sources.extend(_below(swarm, mine, inside, room))
    return nodes, sources


def _below(
    swarm: Swarm, roots: Sequence[int], order: Sequence[int], room: tree_layout.FanOut
) -> list[int]:
    if swarm.settings.relay:
        return _relayed(swarm, roots, order, room)
    return tree_layout.doubled(roots, order, lambda node: bool(swarm.offering >> node & 1))


def _relayed(
    swarm: Swarm, roots: Sequence[int], order: Sequence[int], room: tree_layout.FanOut
) -> list[int]:
    """Quick nodes below each other; slow ones, and those that catch up, below whoever promised
    least, others of their kind included.
    """
    members = swarm.members
    trusted = swarm.speeds.fast_ones_suffice
    quick = len(order)
    while quick and (
        (trusted and members[order[quick - 1]].speed_class) or swarm.behind >> order[quick - 1] & 1
    ):
        quick -= 1
    sources = tree_layout.seats(roots, order[:quick], room)
    if quick == len(order):
        return sources
    size = swarm.catalog.mean_size
    clocks = {node: members[node].clock for node in (*roots, *order)}
    for source in sources:
        clocks[source] += size / members[source].up_share
    above = [*roots, *(node for node in order[:quick] if room(node))]
    sources.extend(
        tree_layout.least_promised(
            above, order[quick:], clocks, lambda node: size / members[node].up_share, room
        )
    )
    return sources
