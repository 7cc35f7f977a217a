"""What follows from a failure: which source rests or is banned, what is tried again or fails.

    origin, final        the chunk's objects fail on every node that wants them; if it denied them
                         to this node, once others were denied them too (`intake.denials`)
    origin, transient    the node tries again later; from the second time on another node reads
    origin, throttled    no node reads the origin until the reset that it names. The chunk is not to
                         blame, so this is no attempt, unless nothing was read between several
                         resets
    peer                 this node asks other peers for a while. After several such nodes all do, if
                         the peer had the chunk: a relay only passes on what broke above it.
                         Nobody waits for a peer that rests for long
    peer, bad bytes      the peer is never asked again; a second complaint discards its copy
    node, final          the chunk's objects fail on that node
    another pin          the object fails on every node: its store has another one than was named
    node, transient      the node tries again later

`policy.reconsider` treats orders that are only slow.

After `attempts` failures at the origin, or by the node's own fault, the chunk's objects fail on
that node. Failures with peers do not fail them (`state.attempts`): after half of `attempts` the
node may read the origin even if a peer holds the chunk, and after all of them it does. A chunk that
lands is worth more than a chunk that is read once.
"""

from __future__ import annotations

from xfd_api.errors import (
    ChecksumMismatchError,
    OriginThrottledError,
    PinMismatchError,
    XfdError,
)
from xfd_api.ids import ObjectIndex
from xfd_api.reports import Fault, ObjectFailed, OrderFailed
from xfd_scheduler.bounds import LONG_REST_S, SHARED_ATTEMPTS_FACTOR
from xfd_scheduler.intake.copies import (
    ask_anew,
    complain,
    discard,
    give_up_chunk,
    is_still_wanted,
    reopen,
    reopen_children,
)
from xfd_scheduler.intake.denials import is_denial, leave_to_others
from xfd_scheduler.intake.silence import fall_mute
from xfd_scheduler.state import origin_budget
from xfd_scheduler.state.attempts import Attempts
from xfd_scheduler.state.keys import ORIGIN, key_of
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.relay_paths import children_of, subtree_of
from xfd_scheduler.state.resting import rest_s, strike
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.state.transitions import (
    abandon_order,
    lose_chunk,
    open_chunk,
    order_chunk,
)


class Failures:
    """Applies failures to a swarm."""

    def __init__(self, swarm: SwarmState) -> None:
        self.swarm = swarm
        self.settings = swarm.settings

    def order_failed(self, member: Member, event: OrderFailed, now: float) -> None:
        """An order failed. A late report of an order that was replaced changes nothing."""
        swarm = self.swarm
        chunk = event.chunk
        source = None if event.source is None else swarm.by_id.get(event.source)
        if event.bad_bytes and source is not None:
            complain(swarm, source, chunk, member)
        is_pending = swarm.pending[chunk] & member.bit
        if not is_pending or event.order != swarm.order_id(member.index, chunk):
            return
        abandon_order(swarm, member, chunk)
        error = event.error.at_node(member.id)
        if event.final and event.fault == "origin":
            if is_denial(event.error) and leave_to_others(swarm, member, chunk, now):
                return
            for item in swarm.catalog.objects_of[chunk]:
                self.refuse(item, error)
            give_up_chunk(swarm, member, chunk)  # Its object may have landed from another source.
            return
        if event.final and event.fault == "node":
            self.fail_chunk(member, chunk, error)
            return
        if event.reset_s is not None:
            self._rest_until_reset(member, chunk, error, event.reset_s, now)
            return
        if event.fault == "origin":
            swarm.read_failures[chunk] = swarm.read_failures.get(chunk, 0) + 1
        count = self._count_failure(member, chunk, event.fault, error)
        if not count:
            return
        requested_s = event.asked_rest_s
        if event.fault == "peer":
            if source is not None:
                self._strike(source, member, event, count, now)
            open_chunk(swarm, member, chunk)
            return
        pause = rest_s(self.settings, count, requested_s)
        if event.fault == "origin":
            if requested_s is not None or isinstance(event.error, OriginThrottledError):
                swarm.origin_rest_until = max(swarm.origin_rest_until, now + pause)
            if count > 1:
                self._let_another_read(member, chunk)
        swarm.resting_chunks.set(key_of(member.index, chunk), now + pause)

    def _strike(self, peer: Member, by: Member, event: OrderFailed, count: int, now: float) -> None:
        """A peer failed a node. Nobody waits for a peer that has to rest for long."""
        swarm = self.swarm
        had_it = bool(swarm.holders[event.chunk] & peer.bit)
        rests_s = strike(
            swarm,
            peer,
            by,
            count,
            event.asked_rest_s,
            now,
            counts_for_all=had_it,
            cost_s=event.seconds,
        )
        if rests_s >= LONG_REST_S:
            fall_mute(swarm, peer)

    def _rest_until_reset(
        self, member: Member, chunk: int, error: XfdError, reset_s: float, now: float
    ) -> None:
        """No node reads the origin before its reset. Peers may bring the chunk meanwhile.

        Nobody waits for it at this node, which has to wait itself. An origin from which nothing
        came between `attempts` resets fails the chunk.
        """
        swarm = self.swarm
        if now >= swarm.origin_rest_until:
            swarm.resets_in_a_row += 1
        pause = rest_s(self.settings, swarm.resets_in_a_row, reset_s)
        swarm.origin_rest_until = max(swarm.origin_rest_until, now + pause)
        has_holder = bool(swarm.holders[chunk] & ~swarm.banned & ~member.bit)
        if swarm.resets_in_a_row >= self.settings.attempts and not has_holder:
            self.fail_chunk(member, chunk, error)
            return
        ask_anew(swarm, member, chunk)

    def object_failed(self, member: Member, event: ObjectFailed) -> None:
        """An object cannot land on a node; perhaps its chunks were bad from their first read on."""
        swarm = self.swarm
        error = event.error.at_node(member.id)
        chunks = swarm.catalog.chunks_of[event.object]
        if isinstance(event.error, PinMismatchError):
            self.refuse(event.object, error)
            return
        if not event.chunks_suspect:
            self.fail_object(member, event.object, error)
            return
        if any(not swarm.holders[chunk] & member.bit for chunk in chunks):
            return  # The report is older than the discard of its chunks.
        if event.object in swarm.suspected:
            self.fail_object(member, event.object, error)
            return
        swarm.suspected.add(event.object)
        landed = 1 << event.object
        if not any(peer.landed & landed for peer in swarm.members.values()):
            for chunk in chunks:
                swarm.pinned_crcs[chunk] = None
                swarm.unpinned_crcs.pop(chunk, None)
        for peer in list(swarm.members.values()):
            if not peer.landed & landed:
                discard(swarm, peer, chunks)

    def chunk_lost(self, member: Member, chunk: int, now: float) -> None:
        """A copy is gone. The node is to fetch it again, and nodes that wait for it there wait on.

        If it was the only copy, this node reads it. If it does not want it, the others ask others.
        """
        swarm = self.swarm
        if not swarm.holders[chunk] & member.bit:
            return
        lose_chunk(swarm, member, chunk)
        is_wanted = swarm.open_on[chunk] & member.bit
        if not is_wanted or swarm.usable(chunk) & ~subtree_of(swarm, member.index, chunk):
            reopen_children(swarm, member.index, chunk)
        elif now >= swarm.origin_rest_until and origin_budget.may_read(swarm, member, 1):
            order_chunk(swarm, member, chunk, ORIGIN)

    def fail_chunk(self, member: Member, chunk: int, error: XfdError) -> None:
        """Every object of the chunk fails on this node. A later inventory starts again."""
        self.swarm.attempts.pop(key_of(member.index, chunk), None)
        for item in self.swarm.catalog.objects_of[chunk]:
            self.fail_object(member, item, error)
        give_up_chunk(self.swarm, member, chunk)

    def fail_object(self, member: Member, item: ObjectIndex, error: XfdError) -> None:
        """The object cannot land on this node, nor on those that wait for its writing."""
        swarm = self.swarm
        bit = 1 << item
        if (member.landed | member.failed) & bit or not member.inventoried & bit:
            return
        member.failed |= bit
        swarm.failures[(member.id, item)] = error
        for chunk in swarm.catalog.chunks_of[item]:
            if not is_still_wanted(swarm, member, chunk):
                give_up_chunk(swarm, member, chunk)
        for peer in swarm.members.values():
            if peer.locked_by_other.get(item) == member.id:
                self.fail_object(peer, item, error)

    def refuse(self, item: ObjectIndex, error: XfdError) -> None:
        """The origin will never give the object: it fails on all nodes, later ones included."""
        self.swarm.refused[item] = error
        for member in list(self.swarm.members.values()):
            self.fail_object(member, item, error)

    def pin(self, chunk: int, crc: int) -> None:
        """From now on every copy must have this checksum, those reported before included."""
        swarm = self.swarm
        swarm.pinned_crcs[chunk] = crc
        for node, reported in sorted(swarm.unpinned_crcs.pop(chunk, {}).items()):
            if reported != crc and node in swarm.members:
                self.bad_copy(swarm.members[node], chunk, "peer")

    def bad_copy(
        self, member: Member, chunk: int, fault: Fault, source: Member | None = None
    ) -> None:
        """A copy that the node reported differs from the chunk's pinned checksum."""
        swarm = self.swarm
        if source is not None:
            complain(swarm, source, chunk, member)
        if (swarm.holders[chunk] | swarm.pending[chunk]) & member.bit:
            discard(swarm, member, [chunk])
        error = ChecksumMismatchError("A chunk differs from its checksum", node=member.id)
        if swarm.open_on[chunk] & member.bit:
            self._count_failure(member, chunk, fault, error)

    def _count_failure(self, member: Member, chunk: int, fault: Fault, error: XfdError) -> int:
        """Counts a failure; returns how many have this fault, or 0 if the chunk is given up."""
        swarm = self.swarm
        limit = self.settings.attempts
        attempts = swarm.attempts.setdefault(key_of(member.index, chunk), Attempts())
        count = attempts.add(fault, error)
        has_holder = bool(swarm.holders[chunk] & ~swarm.banned & ~member.bit)
        if attempts.is_over(limit, has_holder=has_holder):
            reason = error if fault == "node" else attempts.origin_error or error
            self.fail_chunk(member, chunk, reason)
            count = 0
        reads = swarm.read_failures.get(chunk, 0)
        if fault == "origin" and not has_holder and reads >= SHARED_ATTEMPTS_FACTOR * limit:
            self._fail_everywhere(chunk, error)
            count = 0
        return count

    def _fail_everywhere(self, chunk: int, error: XfdError) -> None:
        """No node has the chunk, and none could read it."""
        del self.swarm.read_failures[chunk]
        for member in list(self.swarm.members.values()):
            if member.wants >> chunk & 1 and not self.swarm.holders[chunk] & member.bit:
                self.fail_chunk(member, chunk, error)

    def _let_another_read(self, member: Member, chunk: int) -> None:
        """Opens the chunk on the first node that waits for it here, so that it reads the origin."""
        waiting = children_of(self.swarm, member.index, chunk)
        if waiting:
            reopen(self.swarm, self.swarm.members[waiting[0]], chunk)
