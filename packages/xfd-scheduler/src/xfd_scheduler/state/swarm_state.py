"""The columns of a swarm: who wants, fetches and holds which chunk, and what follows from that.

For each node and chunk exactly one of these is true:

    unwanted   nothing to do
    open       wanted, and free to be ordered
    pending    ordered from a source, not reported yet
    resting    wanted, but left alone until a time (`alarms`)
    held       here and verified

`open_on`, `pending` and `holders` say so by chunk (bit sets over nodes); `Member.open` says the
first by node as well. Whom a pending chunk comes from is in `extra`, or else in the wave that
launched it: a wave's sources are one array over nodes, shared by its chunks, because a thousand
nodes with a thousand orders each would need a gigabyte of single entries.

Order ids are computed, not stored: `generation << 52 | node << 32 | chunk`. A generation ends when
an order fails or is cancelled, so a late report of it is told from one of its successor.
"""

from __future__ import annotations

import math
from array import array

from xfd_api.chunks import Catalog
from xfd_api.errors import XfdError
from xfd_api.ids import NodeId, ObjectIndex, OrderId
from xfd_scheduler.links.estimate import Speeds
from xfd_scheduler.settings import SchedulerSettings
from xfd_scheduler.state.attempts import Tries
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.catalog_index import ChunkIndexer
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.rarity import Rarity
from xfd_scheduler.state.timers import Alarms
from xfd_scheduler.state.traffic import TrafficMeter
from xfd_scheduler.tuning import (
    CHUNKS_PER_SHARED_TREE,
    FIRST_ORIGIN_READS,
    LARGE_SWARM_NODES,
    LARGE_SWARM_RUN_FACTOR,
    MIN_QUEUE_SLOTS,
    PLANNABLE_ASSIGNMENTS_PER_S,
    PROMISES_PER_SLOT,
    READER_SHARE_FACTOR,
    RUNS_PER_QUEUE,
    SLOW_QUEUE_DIVISOR,
    STARVING_DEPTH_SHARE,
    WAVE_DEPTH_FACTOR,
)

ORIGIN = -1
NOBODY = -2
LAUNCHES = 2**20
OWN_PRIORITIES = 2047


def key_of(node: int, chunk: int) -> int:
    """One number for a node and a chunk; also the id of the first order between them."""
    return (node << 32) | chunk


class Columns:
    """State, and questions about it; `Swarm` has the moves that change it."""

    def __init__(self, settings: SchedulerSettings) -> None:
        self.settings = settings
        self.catalog = ChunkIndexer()
        self.rarity = Rarity()
        self.members: dict[int, Member] = {}
        self.by_id: dict[NodeId, Member] = {}
        self.zones: dict[str, int] = {}
        """The nodes of each zone that has some, as bit sets."""
        self.next_index = 0
        self.launched = 0
        """Waves so far."""

        self.open_on: list[int] = []
        self.pending: list[int] = []
        self.holders: list[int] = []
        self.waves: list[array[int] | None] = []
        self.launches: list[int] = []
        """The number of the wave that each chunk went out with."""
        self.crcs: list[int | None] = []
        self.unpinned: dict[int, dict[int, int]] = {}
        self.extra: dict[int, int] = {}
        self.generations: dict[int, int] = {}
        self.tries: dict[int, Tries] = {}
        self.read_failures: dict[int, int] = {}
        """Failed reads of a chunk by any node, since one read it."""
        self.last_reader: dict[int, int] = {}
        self.everything = 0
        """All chunks, as a bit set."""
        self.wanted = 0
        """Chunks that are open on some node, as a bit set."""
        self.coming = 0
        """Chunks that are pending on some node, as a bit set."""

        self.resting = Alarms()
        self.peers_resting = Alarms()
        self.pairs_resting: dict[int, float] = {}
        self.banned = 0
        self.offering = 0
        """Nodes that may be named as a source: neither banned nor resting; bit set."""
        self.origin_load = 0
        self.origin_orders = 0
        self.origin_window = 1
        """Most origin orders at a time, see `rates.swarm_window`."""
        self.origin_rest_until = 0.0
        self.origin_failures = 0

        self.starting: set[NodeId] = set()
        """Nodes that were asked to join, and did not say yet what they want."""
        self.patient_until = math.inf
        """When nodes that are starting are not waited for any more."""
        self.behind = 0
        """Nodes that catch up, and will have soon; bit set. What goes out now shares their links
        with what they missed, so nobody else is to wait for it there.
        """
        self.hungry = 0
        """Nodes that some chunk is open on; bit set."""
        self.roomy = 0
        """Nodes whose queue is below its depth; bit set, as the two below."""
        self.dry = 0
        self.soft = 0

        self.speeds = Speeds()
        self.traffic = TrafficMeter()
        self.failures: dict[tuple[NodeId, ObjectIndex], XfdError] = {}
        self.refused: dict[ObjectIndex, XfdError] = {}
        self.suspected: set[ObjectIndex] = set()
        self.released: set[ObjectIndex] = set()

    def grow(self, catalog: Catalog) -> None:
        """Adds objects and chunks that nobody wants yet."""
        self.catalog.grow(catalog)
        count = len(catalog.chunks)
        self.everything = (self.everything << count) | ((1 << count) - 1)
        self.rarity.grow(count)
        self.speeds.grow(len(self.catalog.sizes))
        self.open_on.extend([0] * count)
        self.pending.extend([0] * count)
        self.holders.extend([0] * count)
        self.waves.extend([None] * count)
        self.launches.extend([0] * count)
        self.crcs.extend([None] * count)

    def source_of(self, node: int, chunk: int) -> int:
        """Whom the pending chunk comes from: a node's number or `ORIGIN`."""
        source = self.extra.get(key_of(node, chunk))
        if source is not None:
            return source
        wave = self.waves[chunk]
        return NOBODY if wave is None or node >= len(wave) else wave[node]

    def order_id(self, node: int, chunk: int) -> OrderId:
        """The id of the current order, or of the next one."""
        key = key_of(node, chunk)
        return OrderId((self.generations.get(key, 0) << 52) | key)

    def urgency(self, chunk: int, launch: int) -> int:
        """The priority of an order, in 32 bits: the chunk's own, then when it was launched.

        Nodes sort their queues by it, so an order can take its place before those that were sent
        earlier: an origin read should have begun when the nodes below it ask for its bytes.
        """
        own = max(-OWN_PRIORITIES, min(OWN_PRIORITIES, self.catalog.priorities[chunk]))
        return own * LAUNCHES + max(0, min(LAUNCHES - 1, launch))

    def usable(self, chunk: int) -> int:
        """Nodes that hold the chunk or will, and are not banned; bit set."""
        return (self.holders[chunk] | self.pending[chunk]) & ~self.banned

    def update_rarity(self, chunk: int) -> None:
        """After `holders`, `pending` or `banned` changed."""
        self.rarity.update(chunk, self.usable(chunk).bit_count())

    def update_room(self, member: Member) -> None:
        """After the member's queue or its depth changed."""
        bit = member.bit
        size = member.queued_bytes
        depth = member.depth_bytes
        slots = self.settings.download_slots
        member.supplied_as = member.speed_class
        if member.speed_class:
            slots = max(1, slots // SLOW_QUEUE_DIVISOR)
        if member.queued < slots or size < depth * STARVING_DEPTH_SHARE:
            self.dry |= bit
            self.roomy |= bit
            self.soft |= bit
            return
        self.dry &= ~bit
        if member.queued < MIN_QUEUE_SLOTS * slots or size < depth:
            self.roomy |= bit
            self.soft |= bit
            return
        self.roomy &= ~bit
        if (
            member.queued < WAVE_DEPTH_FACTOR * MIN_QUEUE_SLOTS * slots
            or size < depth * WAVE_DEPTH_FACTOR
        ):
            self.soft |= bit
        else:
            self.soft &= ~bit

    @property
    def run_limit(self) -> int:
        """Chunks of one wave: more than one, so that a plan costs less. Each has its own tree."""
        limit = max(1, self.settings.download_slots // RUNS_PER_QUEUE)
        return LARGE_SWARM_RUN_FACTOR * limit if len(self.members) >= LARGE_SWARM_NODES else limit

    @property
    def tree_limit(self) -> int:
        """Chunks that share a tree, and so an order: one, or two where the swarm may ask for more
        assignments in a second than a process plans one by one.
        """
        asked = len(self.members) * self.settings.assumed_bytes_per_s / self.catalog.mean_size
        return 1 if asked < PLANNABLE_ASSIGNMENTS_PER_S else CHUNKS_PER_SHARED_TREE

    def promise_limit(self, member: Member) -> int:
        """Outstanding orders that may name it: what runs at once, and as much again to come."""
        return PROMISES_PER_SLOT * max(self.settings.upload_slots, member.queued)

    def waits_for_nodes(self, now: float) -> bool:
        """Whether nothing new is to go out, because nodes that are starting would miss it."""
        return (
            bool(self.starting) and self.launched >= FIRST_ORIGIN_READS and now < self.patient_until
        )

    def keeps_others_waiting(self, member: Member) -> bool:
        """Whether what goes out now comes late to the node, because of what it missed."""
        return bool(self.behind & member.bit or member.missed & member.open)

    def zone_mask(self, member: Member) -> int:
        """The nodes of its zone, as a bit set; 0 where zones play no part."""
        return self.zones[member.zone] if len(self.zones) > 1 else 0

    def origin_is_taken(self) -> bool:
        """Whether no node at all may read the origin now."""
        return self.origin_load >= self.settings.origin_slots or (
            0 < self.origin_orders >= self.origin_window
        )

    def may_read_origin(self, member: Member, count: int, given_up: int = 0) -> bool:
        """Whether `count` more origin orders for this node keep within all limits, where others
        give so many up.
        """
        readers = len(self.members) - self.behind.bit_count()
        share = max(FIRST_ORIGIN_READS, READER_SHARE_FACTOR * self.origin_window // max(1, readers))
        if member.origin_orders and member.origin_orders + count > min(member.origin_window, share):
            return False
        added = count - given_up
        if self.origin_orders and added > 0 and self.origin_orders + added > self.origin_window:
            return False
        slots = self.settings.download_slots
        more = min(member.origin_orders + count, slots) - min(member.origin_orders, slots)
        return self.origin_load + more <= self.settings.origin_slots

    def children(self, source: int, chunk: int) -> list[int]:
        """Nodes whose running order for the chunk names this source."""
        nodes = positions(self.pending[chunk])
        return [node for node in nodes if self.source_of(node, chunk) == source]

    def below(self, node: int, chunk: int) -> int:
        """Nodes whose way to the chunk leads through this one, itself included; bit set."""
        found = 1 << node
        for other in positions(self.pending[chunk] & ~found):
            if not self.is_rooted(other, chunk, node):
                found |= 1 << other
        return found

    def is_rooted(self, node: int, chunk: int, without: int) -> bool:
        """Whether the chunk reaches `node` by a way of running orders that avoids `without`."""
        seen = 0
        while True:
            bit = 1 << node
            if node == without or (seen | self.banned) & bit:
                return False
            if self.holders[chunk] & bit:
                return True
            if not self.pending[chunk] & bit:
                return False
            seen |= bit
            node = self.source_of(node, chunk)
            if node == ORIGIN:
                return True
