"""Derives every index of a swarm from its chunk states again, and compares."""

from __future__ import annotations

from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.keys import ORIGIN, key_of, split_key
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import NODE_SETS, SwarmState


def check(swarm: SwarmState) -> None:
    """Compares all indexes and limits.

    Raises:
        AssertionError: an index is wrong, or a limit is exceeded.
    """
    alive = 0
    for index, member in swarm.members.items():
        _is(member.index == index and swarm.by_id[member.id] is member, "a member is misplaced")
        alive |= member.bit
    _is(len(swarm.by_id) == len(swarm.members), "a lost node still has an id")
    for name in NODE_SETS:
        _is(not getattr(swarm, name) & ~alive, f"a lost node is in {name}")
    _is(not swarm.available & swarm.banned, "a banned node is available")
    _is(not swarm.available & swarm.silent, "a silent node is available")
    _is(not swarm.available & swarm.mute, "a mute node is available")
    for index in positions(swarm.mute):
        _is(index in swarm.resting_peers, "a mute node does not rest")
    for chunk in range(len(swarm.holders)):
        _check_chunk(swarm, chunk, alive)
    opened = sum(1 << chunk for chunk, nodes in enumerate(swarm.open_on) if nodes)
    _is(opened == swarm.open_chunks, "open chunks differ")
    for key in swarm.single_sources:
        node, chunk = split_key(key)
        _is(bool(swarm.pending[chunk] >> node & 1), "a source without an order")
    pending = sum(1 << chunk for chunk, nodes in enumerate(swarm.pending) if nodes)
    _is(pending == swarm.pending_chunks, "pending chunks differ")
    zones: dict[str, int] = {}
    for member in swarm.members.values():
        zones[member.zone] = zones.get(member.zone, 0) | member.bit
    _is(zones == swarm.zones, "zones differ")
    load = 0
    for member in swarm.members.values():
        load += _check_member(swarm, member)
    _is(load == swarm.origin_load, "the origin's load differs")
    orders = sum(member.origin_orders for member in swarm.members.values())
    _is(orders == swarm.origin_orders, "the swarm's origin orders differ")
    _is(load <= swarm.settings.origin_slots, "the origin's slots are exceeded")


def _check_chunk(swarm: SwarmState, chunk: int, alive: int) -> None:
    opened, pending, held = swarm.open_on[chunk], swarm.pending[chunk], swarm.holders[chunk]
    _is(not (opened | pending | held) & ~alive, "a lost node has a part in a chunk")
    _is(not (opened & pending | opened & held | pending & held), "a chunk is in two states")
    for index in positions(opened | pending | held):
        _is(key_of(index, chunk) not in swarm.resting_chunks, "a chunk rests and does not")
    copies = swarm.usable(chunk).bit_count()
    _is(swarm.rarity.class_of[chunk] == copies.bit_length(), "a chunk's rarity differs")
    in_class = [bool(members >> chunk & 1) for members in swarm.rarity.classes]
    _is(in_class.index(True) == copies.bit_length(), "a chunk is in the wrong class")
    _is(sum(in_class) == 1, "a chunk is in two classes")
    for index in positions(pending):
        source = swarm.source_of(index, chunk)
        _is(source == ORIGIN or source in swarm.members, "an order names a lost node")
        _is(source != index, "a node is its own source")
        left = swarm.banned | swarm.mute
        _is(source == ORIGIN or not left >> source & 1, "an order names a banned or mute node")
        _check_path(swarm, index, chunk)


def _check_path(swarm: SwarmState, index: int, chunk: int) -> None:
    """Follows the sources of a pending order up to a copy, the origin, or a node to ask again."""
    for _ in range(len(swarm.members) + 1):
        if not swarm.pending[chunk] >> index & 1:
            has_it = (swarm.holders[chunk] | swarm.open_on[chunk]) >> index & 1
            rests = key_of(index, chunk) in swarm.resting_chunks
            _is(bool(has_it or rests), "an order names a node that will not have the chunk")
            return
        index = swarm.source_of(index, chunk)
        if index == ORIGIN:
            return
    raise AssertionError(f"orders for chunk {chunk} wait for each other")


def _check_member(swarm: SwarmState, member: Member) -> int:
    """Checks one node; returns its part of the origin's load."""
    sizes = swarm.catalog.sizes
    bit = member.bit
    queued = [chunk for chunk, nodes in enumerate(swarm.pending) if nodes & bit]
    opened = sum(1 << chunk for chunk, nodes in enumerate(swarm.open_on) if nodes & bit)
    _is(opened == member.open, "open chunks differ")
    held = sum(1 << chunk for chunk, nodes in enumerate(swarm.holders) if nodes & bit)
    _is(not member.missed & (held | ~member.wants), "a held or unwanted chunk is missed")
    _is(bool(member.missed) or not swarm.catching_up & bit, "a node without misses catches up")
    _is(bool(opened) == bool(swarm.has_open_chunks & bit), "has_open_chunks differs")
    _is(len(queued) == member.queued, "the queue's length differs")
    _is(sum(sizes[chunk] for chunk in queued) == member.queued_bytes, "the queue's bytes differ")
    sources = [swarm.source_of(member.index, chunk) for chunk in queued]
    _is(sources.count(ORIGIN) == member.origin_orders, "origin orders differ")
    promised = sum(
        swarm.source_of(index, chunk) == member.index
        for chunk, nodes in enumerate(swarm.pending)
        for index in positions(nodes)
    )
    _is(promised == member.promised, "promises differ")
    if member.depth_class == member.speed_class:
        flags = _queue_flags(swarm, bit)
        swarm.update_queue_flags(member)
        _is(flags == _queue_flags(swarm, bit), "queue flags differ")
    return min(member.origin_orders, swarm.settings.download_slots)


def _queue_flags(swarm: SwarmState, bit: int) -> tuple[int, int, int]:
    return swarm.starving & bit, swarm.below_depth & bit, swarm.below_twice_depth & bit


def _is(right: bool, what: str) -> None:
    if not right:
        raise AssertionError(what)
