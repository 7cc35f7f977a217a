"""Derives every index of a swarm anew from its columns and compares."""

from __future__ import annotations

from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import ORIGIN, key_of
from xfd_scheduler.state.transitions import Swarm


def check(swarm: Swarm) -> None:
    """Raises AssertionError where an index is wrong or a limit is exceeded."""
    alive = 0
    for index, member in swarm.members.items():
        _is(member.index == index and swarm.by_id[member.id] is member, "a member is misplaced")
        alive |= member.bit
    _is(len(swarm.by_id) == len(swarm.members), "a lost node still has a name")
    for name in ("offering", "banned", "behind", "roomy", "dry", "soft", "hungry"):
        _is(not getattr(swarm, name) & ~alive, f"a lost node is {name}")
    _is(not swarm.offering & swarm.banned, "a banned node is offered")
    for chunk in range(len(swarm.holders)):
        _check_chunk(swarm, chunk, alive)
    wanted = sum(1 << chunk for chunk, nodes in enumerate(swarm.open_on) if nodes)
    _is(wanted == swarm.wanted, "wanted chunks differ")
    for key in swarm.extra:
        _is(bool(swarm.pending[key & 0xFFFFFFFF] >> (key >> 32) & 1), "a source without an order")
    coming = sum(1 << chunk for chunk, nodes in enumerate(swarm.pending) if nodes)
    _is(coming == swarm.coming, "chunks under way differ")
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


def _check_chunk(swarm: Swarm, chunk: int, alive: int) -> None:
    opened, pending, held = swarm.open_on[chunk], swarm.pending[chunk], swarm.holders[chunk]
    _is(not (opened | pending | held) & ~alive, "a lost node has a part in a chunk")
    _is(not (opened & pending | opened & held | pending & held), "a chunk is in two states")
    for index in positions(opened | pending | held):
        _is(key_of(index, chunk) not in swarm.resting, "a chunk rests and does not")
    copies = swarm.usable(chunk).bit_count()
    _is(swarm.rarity.class_of[chunk] == copies.bit_length(), "a chunk's rarity differs")
    in_class = [bool(members >> chunk & 1) for members in swarm.rarity.classes]
    _is(in_class.index(True) == copies.bit_length(), "a chunk is in the wrong class")
    _is(sum(in_class) == 1, "a chunk is in two classes")
    readers = 0
    for index in positions(pending):
        source = swarm.source_of(index, chunk)
        readers += source == ORIGIN
        _is(source == ORIGIN or source in swarm.members, "an order names a lost node")
        _is(source != index, "a node is its own source")
        _is(source == ORIGIN or not swarm.banned >> source & 1, "an order names a banned node")
        _has_an_end(swarm, index, chunk)


def _has_an_end(swarm: Swarm, index: int, chunk: int) -> None:
    for _ in range(len(swarm.members) + 1):
        if not swarm.pending[chunk] >> index & 1:
            return
        index = swarm.source_of(index, chunk)
        if index == ORIGIN:
            return
    raise AssertionError(f"orders for chunk {chunk} wait for each other")


def _check_member(swarm: Swarm, member: Member) -> int:
    """The member's part of the origin's load."""
    sizes = swarm.catalog.sizes
    bit = member.bit
    queued = [chunk for chunk, nodes in enumerate(swarm.pending) if nodes & bit]
    opened = sum(1 << chunk for chunk, nodes in enumerate(swarm.open_on) if nodes & bit)
    _is(opened == member.open, "open chunks differ")
    held = sum(1 << chunk for chunk, nodes in enumerate(swarm.holders) if nodes & bit)
    _is(not member.missed & (held | ~member.wants), "what a node has, or does not want, is missed")
    _is(bool(member.missed) or not swarm.behind & bit, "a node is behind that missed nothing")
    _is(bool(opened) == bool(swarm.hungry & bit), "a hungry node is not known as one")
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
    if member.supplied_as == member.speed_class:
        room = (swarm.dry & bit, swarm.roomy & bit, swarm.soft & bit)
        swarm.update_room(member)
        _is(room == (swarm.dry & bit, swarm.roomy & bit, swarm.soft & bit), "room differs")
    return min(member.origin_orders, swarm.settings.download_slots)


def _is(right: bool, what: str) -> None:
    if not right:
        raise AssertionError(what)
