"""The state of a swarm: which node wants, fetches and holds which chunk, and indexes of that.

For each node and chunk exactly one of these is true:

    unwanted   nothing to do
    open       wanted, and free to be ordered
    pending    ordered from a source, not reported yet
    resting    wanted, but not ordered before a time (`resting_chunks`)
    held       here and verified

`open_on`, `pending` and `holders` say so by chunk, as bit sets over nodes; `Member.open` says the
first by node as well. The source of a pending chunk is in `single_sources`, or else in the tree
that launched it. The sources of a tree are one array over nodes that its chunks share: single
entries for a thousand nodes with a thousand orders each would need a gigabyte.

Order ids are computed, not stored: `generation << 52 | node << 32 | chunk`. A generation ends when
an order fails or is cancelled. So a late report of an order differs from one of its successor.

`transitions` has the moves between these states.
"""

from __future__ import annotations

import math
from array import array
from typing import Any

from xfd_api.chunks import Catalog
from xfd_api.errors import XfdError
from xfd_api.ids import NodeId, ObjectIndex, OrderId
from xfd_scheduler.settings import SchedulerSettings
from xfd_scheduler.state.attempts import Attempts
from xfd_scheduler.state.catalog_index import CatalogIndex
from xfd_scheduler.state.keys import NO_SOURCE, key_of
from xfd_scheduler.state.link_speeds import LinkSpeeds
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.rarity import Rarity
from xfd_scheduler.state.timers import Timers
from xfd_scheduler.state.traffic import TrafficMeter
from xfd_scheduler.tuning import AHEAD, SLOW_QUEUE_DIVISOR

LAUNCHES_PER_PRIORITY = 2**20
"""Launch numbers that a priority has room for below the chunk's own priority."""
MAX_CHUNK_PRIORITY = 2047
"""The largest priority of a chunk that an order's 32 bits have room for, up and down."""

NODE_SETS = (
    "available",
    "banned",
    "below_depth",
    "below_twice_depth",
    "catching_up",
    "denied",
    "has_open_chunks",
    "heard_again",
    "mute",
    "silent",
    "starving",
)
"""The bit sets over nodes of a `SwarmState`; only nodes of the swarm are in them."""


class SwarmState:
    """Nodes, chunks and the relations between them.

    Attributes:
        members: nodes by number; by_id: the same by id.
        zones: the nodes of each zone that has some, as bit sets.
        next_index: the number of the next node.
        launch_count: chunks launched so far.

    By chunk:

    Attributes:
        open_on, pending, holders: nodes in these states, as bit sets.
        tree_sources: the source of each node in the tree that launched it; None without a tree.
        launch_number: what `launch_count` was when it was launched; launched_at: when that was.
        pinned_crcs: the checksum that every copy is compared with; None until it is known.
        unpinned_crcs: checksums reported for a chunk that has none yet, by node.
        read_failures: failed reads of any node since one succeeded.
        last_reader: the node that read it, or is to read it.

    By `key_of` node and chunk:

    Attributes:
        single_sources: sources of orders that no tree made.
        generations: how many orders between the two are over.
        attempts: failures of the chunk on the node.
        resting_chunks: when the chunk may be ordered again.
        complaints: nodes that received bad bytes of the chunk from the node.

    Bit sets over chunks:

    Attributes:
        open_chunks: open on some node.
        pending_chunks: pending on some node.

    Bit sets over nodes:

    Attributes:
        banned: never a source again.
        silent: do not answer at the moment; heard_again: did not before the last plan.
        denied: may not read the origin for a while, since it refused them.
        mute: failed several nodes in a row and rest for long, so that nobody waits for them.
        available: may be a source: neither banned, resting nor silent.
        catching_up: nodes that joined late and will soon have caught up. What is sent now shares
            their links with what they missed, so other nodes do not wait for it there.
        has_open_chunks: some chunk is open on the node.
        starving: the queue is less than half of its depth.
        below_depth: the queue is below its depth; below_twice_depth: below twice its depth.

    Resting and the origin:

    Attributes:
        resting_peers: when a node may be a source again.
        resting_pairs: the same between two nodes, by `pair_of`.
        resting_readers: when a node that the origin denied may read again.
        origin_rest_until: no node reads the origin before.
        resets_in_a_row: resets that the origin named since a chunk was read from it.
        origin_orders: pending orders that read it.
        origin_load: how many of these may run at once; see `origin_budget`.
        origin_window: how many orders may read it at a time; see `links.windows`.
        want_sets: how many different sets of chunks nodes want, about.
        starting: nodes that were asked to join, and did not say yet what they want.
        patient_until: until then new chunks wait for these.

    Objects:

    Attributes:
        failures: why an object cannot land on a node.
        refused: objects that the origin will never give, and why.
        suspected: objects whose chunks some node found to be bad as a whole.
        denials: nodes to which the origin denied the object since a part of it was read; bit sets.
    """

    def __init__(self, settings: SchedulerSettings) -> None:
        self.settings = settings
        self.catalog = CatalogIndex()
        self.rarity = Rarity()
        self.links = LinkSpeeds()
        self.traffic = TrafficMeter()
        self.members: dict[int, Member] = {}
        self.by_id: dict[NodeId, Member] = {}
        self.zones: dict[str, int] = {}
        self.next_index = 0
        self.launch_count = 0

        self.open_on: list[int] = []
        self.pending: list[int] = []
        self.holders: list[int] = []
        self.tree_sources: list[array[int] | None] = []
        self.launch_number: list[int] = []
        self.launched_at: list[float] = []
        self.pinned_crcs: list[int | None] = []
        self.unpinned_crcs: dict[int, dict[int, int]] = {}
        self.read_failures: dict[int, int] = {}
        self.last_reader: dict[int, int] = {}

        self.single_sources: dict[int, int] = {}
        self.generations: dict[int, int] = {}
        self.attempts: dict[int, Attempts] = {}
        self.resting_chunks = Timers()
        self.complaints: dict[int, set[int]] = {}

        self.open_chunks = 0
        self.pending_chunks = 0

        self.banned = 0
        self.silent = 0
        self.heard_again = 0
        self.mute = 0
        self.denied = 0
        self.available = 0
        self.catching_up = 0
        self.has_open_chunks = 0
        self.starving = 0
        self.below_depth = 0
        self.below_twice_depth = 0

        self.resting_peers = Timers()
        self.resting_pairs: dict[int, float] = {}
        self.resting_readers = Timers()
        self.origin_rest_until = 0.0
        self.resets_in_a_row = 0
        self.origin_orders = 0
        self.origin_load = 0
        self.origin_window = 1
        self.want_sets = 1
        self.starting: set[NodeId] = set()
        self.patient_until = math.inf

        self.failures: dict[tuple[NodeId, ObjectIndex], XfdError] = {}
        self.refused: dict[ObjectIndex, XfdError] = {}
        self.suspected: set[ObjectIndex] = set()
        self.denials: dict[ObjectIndex, int] = {}

    def grow(self, catalog: Catalog) -> None:
        """Adds objects and chunks that no node wants yet.

        Raises:
            ValueError: the catalog does not follow the known one.
        """
        self.catalog.grow(catalog)
        count = len(catalog.chunks)
        self.rarity.grow(count)
        empty: list[tuple[list[Any], float | None]] = [
            (self.open_on, 0),
            (self.pending, 0),
            (self.holders, 0),
            (self.launch_number, 0),
            (self.launched_at, 0.0),
            (self.tree_sources, None),
            (self.pinned_crcs, None),
        ]
        for column, value in empty:
            column.extend([value] * count)

    def source_of(self, node: int, chunk: int) -> int:
        """The source of a pending chunk: a node's number or `ORIGIN`."""
        source = self.single_sources.get(key_of(node, chunk))
        if source is not None:
            return source
        sources = self.tree_sources[chunk]
        return NO_SOURCE if sources is None or node >= len(sources) else sources[node]

    def order_id(self, node: int, chunk: int) -> OrderId:
        """The id of the current order, or of the next one."""
        key = key_of(node, chunk)
        return OrderId((self.generations.get(key, 0) << 52) | key)

    def order_priority(self, chunk: int, launch: int) -> int:
        """The priority of an order in 32 bits: the chunk's own, then its launch number.

        Nodes sort their queues by it, so an order may overtake those that were sent earlier: a node
        should read the origin when the nodes below it ask for the bytes.
        """
        own = self.catalog.priorities[chunk]
        own = max(-MAX_CHUNK_PRIORITY, min(MAX_CHUNK_PRIORITY, own))
        return own * LAUNCHES_PER_PRIORITY + max(0, min(LAUNCHES_PER_PRIORITY - 1, launch))

    @property
    def unusable(self) -> int:
        """Nodes that nobody waits for, as a bit set: banned, silent and mute ones."""
        return self.banned | self.silent | self.mute

    def usable(self, chunk: int) -> int:
        """Nodes that hold the chunk or will, and that may be waited for; bit set."""
        return (self.holders[chunk] | self.pending[chunk]) & ~self.unusable

    def update_rarities(self, nodes: int) -> None:
        """To be called after some of these nodes, a bit set, began or ceased to be unusable."""
        for chunk, holders in enumerate(self.holders):
            if (holders | self.pending[chunk]) & nodes:
                self.update_rarity(chunk)

    def zone_mask(self, member: Member) -> int:
        """The nodes of the member's zone, as a bit set; 0 if there is a single zone."""
        return self.zones[member.zone] if len(self.zones) > 1 else 0

    def remove_from_node_sets(self, member: Member) -> None:
        """Removes a node that is lost from all bit sets over nodes."""
        for name in NODE_SETS:
            setattr(self, name, getattr(self, name) & ~member.bit)

    def update_rarity(self, chunk: int) -> None:
        """To be called after `holders`, `pending` or `unusable` changed."""
        self.rarity.update(chunk, self.usable(chunk).bit_count())

    def update_queue_flags(self, member: Member) -> None:
        """To be called after the member's queue or its depth changed."""
        bit = member.bit
        size = member.queued_bytes
        depth = member.depth_bytes
        slots = self.settings.download_slots
        member.depth_class = member.speed_class
        if member.speed_class:
            slots = max(1, slots // SLOW_QUEUE_DIVISOR)
        if member.queued < slots or AHEAD * size < depth:
            self.starving |= bit
            self.below_depth |= bit
            self.below_twice_depth |= bit
            return
        self.starving &= ~bit
        if member.queued < AHEAD * slots or size < depth:
            self.below_depth |= bit
            self.below_twice_depth |= bit
            return
        self.below_depth &= ~bit
        least = AHEAD * AHEAD * slots
        if member.queued < least or size < depth * AHEAD:
            self.below_twice_depth |= bit
        else:
            self.below_twice_depth &= ~bit
