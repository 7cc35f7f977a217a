"""What follows from a failure: who is left alone, who is banned, what is fetched again, what fails.

    origin, final        the chunk's objects fail on every node that wants them
    origin, transient    the node tries again later; from the second time on another one reads
    origin, throttled    nobody reads the origin until the time it asked for
    peer                 this node leaves that peer alone; after several such nodes, everybody does,
                         if it had the chunk: a relay only passes on what broke above it
    peer, slow           likewise, and the order is moved to another that has the chunk, see `slow`
    origin, slow         so is the order; where nobody has the chunk, it is read once more
    peer, bad bytes      the peer is never asked again; a second complaint discards its copy
    node, final          the chunk's objects fail on that node
    node, transient      the node tries again later

What failed at the origin `attempts` times, or by the node's own fault, fails its objects on that
node. What failed with peers does not (`tries`): after half of `attempts` the node may read the
origin even where a peer holds the chunk, and after all of them it does. That the chunk lands is
worth more than that the origin is read once.
"""

from __future__ import annotations

from xfd_api.errors import ChecksumMismatchError, OriginThrottledError, XfdError
from xfd_api.ids import ChunkIndex, ObjectIndex
from xfd_api.orders import Discard
from xfd_api.reports import Fault, ObjectFailed, OrderFailed
from xfd_scheduler.state.attempts import Tries
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import ORIGIN, key_of
from xfd_scheduler.state.timers import delay
from xfd_scheduler.state.transitions import Swarm
from xfd_scheduler.tuning import COMPLAINTS_TO_DISCARD, SHARED_ATTEMPTS_FACTOR


class Faults:
    """Handles failures in a swarm."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.settings = swarm.settings
        self._complaints: dict[int, set[int]] = {}

    def order_failed(self, member: Member, event: OrderFailed, now: float) -> None:
        """An order came to nothing. Late news of an order that was replaced changes nothing."""
        swarm = self.swarm
        chunk = event.chunk
        culprit = None if event.source is None else swarm.by_id.get(event.source)
        if event.bad_bytes and culprit is not None:
            self._complain(culprit, chunk, member)
        if not swarm.pending[chunk] & member.bit:
            return
        if event.order != swarm.order_id(member.index, chunk):
            return
        swarm.abandon(member, chunk)
        error = event.error.at_node(member.id)
        if event.final and event.fault == "origin":
            for item in swarm.catalog.objects_of[chunk]:
                self.refuse(item, error)
            return
        if event.final and event.fault == "node":
            self.fail_chunk(member, chunk, error)
            return
        if event.fault == "origin":
            swarm.origin_failures += 1
            swarm.read_failures[chunk] = swarm.read_failures.get(chunk, 0) + 1
        tries = self._try_again(member, chunk, event.fault, error)
        if not tries:
            return
        if event.fault == "peer":
            if culprit is not None:
                had_it = bool(swarm.holders[chunk] & culprit.bit)
                self.strike(culprit, member, tries, event.asked_rest_s, now, by_all=had_it)
            swarm.open(member, chunk)
            return
        pause = self._pause(tries, event.asked_rest_s)
        if event.fault == "origin":
            if event.asked_rest_s is not None or isinstance(event.error, OriginThrottledError):
                swarm.origin_rest_until = max(swarm.origin_rest_until, now + pause)
            if tries > 1:
                self._hand_reading_on(member, chunk)
        swarm.resting.set(key_of(member.index, chunk), now + pause)

    def object_failed(self, member: Member, event: ObjectFailed) -> None:
        """An object cannot land on a node, or some chunk of it was bad from its first reader on."""
        swarm = self.swarm
        error = event.error.at_node(member.id)
        chunks = swarm.catalog.chunks_of[event.object]
        if not event.chunks_suspect:
            self.fail_object(member, event.object, error)
            return
        if any(not swarm.holders[chunk] & member.bit for chunk in chunks):
            return  # news from before its chunks were discarded
        if event.object in swarm.suspected:
            self.fail_object(member, event.object, error)
            return
        swarm.suspected.add(event.object)
        landed = 1 << event.object
        good = [peer for peer in swarm.members.values() if peer.landed & landed]
        for chunk in chunks:
            if not good:
                swarm.crcs[chunk] = None
                swarm.unpinned.pop(chunk, None)
        for peer in list(swarm.members.values()):
            if not peer.landed & landed:
                self._discard_all(peer, chunks)

    def chunk_lost(self, member: Member, chunk: int) -> None:
        """A copy is gone. The node fetches it again by itself, and its order joins that request.

        Where it was the only copy, this node reads it, and who waits for it here waits on.
        """
        swarm = self.swarm
        if not swarm.holders[chunk] & member.bit:
            return
        swarm.unhold(member, chunk)
        if not swarm.open_on[chunk] & member.bit:
            return
        if swarm.usable(chunk) & ~swarm.below(member.index, chunk):
            self.replan_children(member.index, chunk)
        elif swarm.may_read_origin(member, 1):
            swarm.begin(member, chunk, ORIGIN)

    def fail_chunk(self, member: Member, chunk: int, error: XfdError) -> None:
        """Every object of the chunk fails on this node. Who wants it again begins anew."""
        self.swarm.tries.pop(key_of(member.index, chunk), None)
        for item in self.swarm.catalog.objects_of[chunk]:
            self.fail_object(member, item, error)
        self.drop(member, chunk)

    def fail_object(self, member: Member, item: ObjectIndex, error: XfdError) -> None:
        """The object cannot land on this node, nor on those that wait for it to land there."""
        swarm = self.swarm
        bit = 1 << item
        if (member.landed | member.failed) & bit or not member.inventoried & bit:
            return
        member.failed |= bit
        swarm.failures[(member.id, item)] = error
        for chunk in swarm.catalog.chunks_of[item]:
            if not self._still_wanted(member, chunk):
                self.drop(member, chunk)
        for peer in swarm.members.values():
            if peer.elsewhere.get(item) == member.id:
                self.fail_object(peer, item, error)

    def refuse(self, item: ObjectIndex, error: XfdError) -> None:
        """The origin will never give the object: it fails on all nodes, later ones included."""
        self.swarm.refused[item] = error
        for member in list(self.swarm.members.values()):
            self.fail_object(member, item, error)

    def drop(self, member: Member, chunk: int) -> None:
        """The node gives the chunk up; nodes that were to have it from there ask others."""
        swarm = self.swarm
        if swarm.holders[chunk] & member.bit:
            swarm.next_generation(member.index, chunk)
            member.wants &= ~(1 << chunk)
            return
        was_coming = swarm.pending[chunk] & member.bit
        swarm.drop(member, chunk)
        if was_coming or swarm.pending[chunk]:
            self.replan_children(member.index, chunk)

    def replan_children(self, source: int, chunk: int) -> None:
        """Orders for the chunk that name this source are cancelled and open again."""
        for node in self.swarm.children(source, chunk):
            member = self.swarm.members[node]
            self.swarm.cancel(member, chunk)
            self.swarm.open(member, chunk)

    def pin(self, chunk: int, crc: int) -> None:
        """From now on every copy is held to this checksum, those reported before included."""
        swarm = self.swarm
        swarm.crcs[chunk] = crc
        for node, told in sorted(swarm.unpinned.pop(chunk, {}).items()):
            if told != crc and node in swarm.members:
                self.bad_copy(swarm.members[node], chunk, "peer")

    def bad_copy(
        self, member: Member, chunk: int, fault: Fault, source: Member | None = None
    ) -> None:
        """What the node reported held differs from the chunk's pinned checksum."""
        swarm = self.swarm
        if source is not None:
            self._complain(source, chunk, member)
        if swarm.holders[chunk] & member.bit or swarm.pending[chunk] & member.bit:
            self._discard_all(member, [chunk])
        error = ChecksumMismatchError("A chunk differs from its checksum", node=member.id)
        if swarm.open_on[chunk] & member.bit:
            self._try_again(member, chunk, fault, error)

    def ban(self, member: Member) -> None:
        """Never names this node as a source again."""
        swarm = self.swarm
        if swarm.banned & member.bit:
            return
        swarm.banned |= member.bit
        swarm.offering &= ~member.bit
        for chunk in range(len(swarm.holders)):
            if (swarm.holders[chunk] | swarm.pending[chunk]) & member.bit:
                swarm.update_rarity(chunk)
            if swarm.pending[chunk]:
                self.replan_children(member.index, chunk)

    def forgive(self, member: Member) -> None:
        """A chunk arrived from this node."""
        member.strikes.clear()
        member.rests = 0

    def strike(
        self,
        peer: Member,
        by: Member,
        tries: int,
        asked_s: float | None,
        now: float,
        *,
        by_all: bool = True,
    ) -> None:
        """A peer failed a node: this one leaves it alone for a while, after several all do, if it
        counts for them (`by_all`).
        """
        swarm = self.swarm
        swarm.pairs_resting[(by.index << 20) | peer.index] = now + self._pause(tries, asked_s)
        if not by_all:
            return
        peer.strikes.add(by.index)
        if len(peer.strikes) < self.settings.strikes or swarm.banned & peer.bit:
            return
        peer.strikes.clear()
        peer.rests += 1
        swarm.offering &= ~peer.bit
        swarm.peers_resting.set(peer.index, now + self._pause(peer.rests, asked_s))

    def _still_wanted(self, member: Member, chunk: int) -> bool:
        done = member.landed | member.failed
        return any(
            member.inventoried & ~done & (1 << item) and item not in member.elsewhere
            for item in self.swarm.catalog.objects_of[chunk]
        )

    def _try_again(self, member: Member, chunk: int, fault: Fault, error: XfdError) -> int:
        """Counts a failure: how many there are of its kind, or 0 where the chunk is given up."""
        swarm = self.swarm
        attempts = self.settings.attempts
        tries = swarm.tries.setdefault(key_of(member.index, chunk), Tries())
        count = tries.add(fault, error)
        has_holder = bool(swarm.holders[chunk] & ~swarm.banned & ~member.bit)
        if tries.is_over(attempts, has_holder=has_holder):
            self.fail_chunk(member, chunk, error if fault == "node" else tries.store_error or error)
            count = 0
        reads = swarm.read_failures.get(chunk, 0)
        if fault == "origin" and not has_holder and reads >= SHARED_ATTEMPTS_FACTOR * attempts:
            self._fail_everywhere(chunk, error)
            count = 0
        return count

    def _fail_everywhere(self, chunk: int, error: XfdError) -> None:
        """Nobody has the chunk, and no node could read it."""
        del self.swarm.read_failures[chunk]
        for member in list(self.swarm.members.values()):
            if member.wants >> chunk & 1 and not self.swarm.holders[chunk] & member.bit:
                self.fail_chunk(member, chunk, error)

    def _pause(self, failures: int, asked_s: float | None) -> float:
        pause = delay(failures, self.settings.rest_s, self.settings.rest_ceiling_s)
        return max(pause, asked_s or 0.0)

    def _hand_reading_on(self, member: Member, chunk: int) -> None:
        """Lets the next node below read the origin in this one's place."""
        waiting = self.swarm.children(member.index, chunk)
        if waiting:
            other = self.swarm.members[waiting[0]]
            self.swarm.cancel(other, chunk)
            self.swarm.open(other, chunk)

    def _complain(self, peer: Member, chunk: int, by: Member) -> None:
        self.ban(peer)
        who = self._complaints.setdefault(key_of(peer.index, chunk), set())
        who.add(by.index)
        if len(who) == COMPLAINTS_TO_DISCARD:
            self._discard_all(peer, [chunk])

    def _discard_all(self, member: Member, chunks: list[int]) -> None:
        """Discards what the node has or is fetching of these chunks; what it wants opens again."""
        swarm = self.swarm
        gone = []
        for chunk in chunks:
            if swarm.holders[chunk] & member.bit:
                swarm.holders[chunk] &= ~member.bit
                swarm.next_generation(member.index, chunk)
                swarm.update_rarity(chunk)
                gone.append(ChunkIndex(chunk))
            elif swarm.pending[chunk] & member.bit:
                swarm.cancel(member, chunk)
                gone.append(ChunkIndex(chunk))
            else:
                continue
            if (member.wants >> chunk) & 1 and self._still_wanted(member, chunk):
                swarm.open(member, chunk)
        if gone:
            member.outbox.append(Discard(tuple(gone)))
