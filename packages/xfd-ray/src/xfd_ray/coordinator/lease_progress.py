"""What one lease has on each node so far: the source of its progress and of its report. Pure.

It takes inventories, reports, failures and losses, each with the time. A node is done when each
object that it gets has landed there or has failed there.

Only bytes of the lease's objects count, even if a pack brings others along. A node read them from
the origin, received them from peers, or found them: whole in its cache, in an unfinished file
(`resumed`), or written by another node of its disk (`shared`). What it found is counted at its
first inventory. A node whose worker was lost takes another one, and then finds what it had received
for this very lease.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from xfd_api.chunks import CatalogObject, Chunk
from xfd_api.errors import XfdError
from xfd_api.hub_files import HubSnapshot
from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex
from xfd_api.reports import ChunkHeld, Inventory, ObjectLanded, OrderFailed
from xfd_api.timeline import Timeline
from xfd_api.timeline_recorder import TimelineRecorder
from xfd_api.wire_format import EventColumns
from xfd_ray.coordinator.lease_objects import Share, links_of
from xfd_ray.coordinator.node_progress import NodeProgress
from xfd_ray.coordinator.rate_meter import RateMeter
from xfd_scheduler.state.bitset import mask_of, positions

Objects = Mapping[ObjectIndex, CatalogObject]
Chunks = Mapping[ChunkIndex, Chunk]


class LeaseProgress:
    """See the module.

    Attributes:
        began: when the driver called.
        largest_chunk: bytes of the lease in the largest chunk.
        nodes: all nodes that take part, lost ones included.
        missing_anywhere: chunks that some node lacked at its first inventory.
        held_anywhere: chunks that some node had at its first inventory.
        excluded: objects that `include` and `exclude` left out.
        snapshots: what nodes link in their hub caches before they are done.
        whole: the share of a node that gets all.
        recorder: when chunks moved.
        earlier_origin_bytes: see `origin_bytes_of`; of the lease that this one continues.
    """

    def __init__(
        self,
        objects: Objects,
        chunks: Chunks,
        *,
        began: float,
        excluded: int = 0,
        snapshots: Iterable[HubSnapshot] = (),
        whole: Share | None = None,
    ) -> None:
        self.began = began
        self.objects = objects
        self.mask = mask_of(objects) if whole is None else whole.mask
        self.chunks = chunks
        self.bytes = 0
        self.left_out_of: dict[ObjectIndex, tuple[tuple[str, ...], int]] = {}
        for item in objects.values():
            self.bytes += item.size
            if item.left_out:
                self.left_out_of[item.index] = (item.left_out, len(item.left_out))
        self.excluded = excluded
        self.snapshots = frozenset(snapshots)
        self.whole = whole or Share(
            (), self.mask, mask_of(self.chunks), self.bytes, links=links_of(snapshots)
        )
        self.bytes_of = {chunk.index: self._bytes_of(chunk) for chunk in chunks.values()}
        self.largest_chunk = max(self.bytes_of.values(), default=0)
        self.nodes: dict[NodeId, NodeProgress] = {}
        self.earlier_origin_bytes: dict[ObjectIndex, int] = {}
        self._origin_reads: dict[ChunkIndex, list[Share]] = {}
        self.errors_of: dict[ObjectIndex, XfdError] = {}
        self.missing_anywhere: set[ChunkIndex] = set()
        self.held_anywhere: set[ChunkIndex] = set()
        self.origin_rate = RateMeter()
        self.recorder = TimelineRecorder(began)

    @property
    def live(self) -> list[NodeProgress]:
        """The nodes that are not lost."""
        return [state for state in self.nodes.values() if not state.is_lost]

    @property
    def is_done(self) -> bool:
        """Whether each node that is not lost is done."""
        return all(state.done_at is not None for state in self.live)

    def add_node(
        self,
        node: NodeId,
        now: float,
        *,
        late: bool = False,
        host: str = "",
        share: Share | None = None,
    ) -> None:
        """Adds a node with its share, or all; one that was lost continues with what it has."""
        before = self.nodes.get(node)
        share = share or self.whole
        if before is None:
            self.nodes[node] = NodeProgress(
                now, share, joined_late=late, host=host, unlinked=share.snapshots
            )
            self._settle(node, now)
            return
        if before.share is not share:
            before.share, before.unlinked = share, share.snapshots
        if before.is_lost:
            before.is_lost, before.error, before.joined_late = False, None, late
            self.start_over(node)

    def start_over(self, node: NodeId) -> None:
        """The node's worker died, and another follows; its next inventory says what is there."""
        state = self.nodes.get(node)
        if state is not None:
            state.landed = state.failed = 0
            state.unlinked = state.share.snapshots
            state.done_at = state.ended_before = None
            state.locked_by.clear()

    def linked(self, node: NodeId, snapshots: Iterable[HubSnapshot], now: float) -> None:
        """The node links these snapshots, or will when their blobs land."""
        state = self.nodes.get(node)
        if state is not None:
            state.unlinked = state.unlinked.difference(snapshots)
            self._settle(node, now)

    def not_linked(self, node: NodeId) -> None:
        """The node cannot link the snapshots; without their links its blobs count as missing."""
        state = self.nodes.get(node)
        if state is not None:
            state.landed, state.unlinked = 0, frozenset()

    def lost(self, node: NodeId, error: XfdError, now: float) -> None:
        """The node is gone."""
        state = self.nodes.get(node)
        if state is not None and not state.is_lost:
            state.is_lost, state.error = True, error
            state.done_at = state.done_at or now

    def took_inventory(
        self, node: NodeId, objects: Sequence[ObjectIndex], inventory: Inventory, now: float
    ) -> None:
        """The node took an inventory of these objects."""
        state = self.nodes.get(node)
        if state is None:
            return
        inspected = {index for index in objects if self._gets(state, index)}
        here = [index for index in inventory.landed if index in inspected]
        for index in here:
            if not state.inspected >> index & 1 and not state.landed >> index & 1:
                state.cached |= 1 << index
                state.cached_bytes += self.objects[index].size
            elif index in state.locked_by:
                state.shared_bytes += self.objects[index].size
        state.landed |= mask_of(here)
        for index, names, count in inventory.left_out:
            if index in inspected:
                self.left_out_of[index] = (names, count)
        elsewhere = {index: owner for index, owner in inventory.elsewhere if index in inspected}
        for index in inspected:
            state.locked_by.pop(index, None)
        state.locked_by.update(elsewhere)
        self._count_missing(state, inspected - set(here) - set(elsewhere), inventory)
        state.inspected |= mask_of(inspected)
        if not state.share.mask & ~state.landed and not state.unlinked:
            state.done_at = state.done_at or state.ended_before
        self._settle_locked(node)
        self._settle(node, now)
        self._settle_sharers(node, here, now)

    def reported(self, node: NodeId, events: EventColumns, now: float) -> None:
        """The node reported these events."""
        state = self.nodes.get(node)
        if state is None:
            return
        if not events.others:
            for row in range(len(events.chunks)):
                self.held(node, events.held(row), now)
            if events.landed:
                self._have_landed(node, state, events.landed, now)
            return
        for event in events:
            if isinstance(event, ChunkHeld):
                self.held(node, event, now)
            elif isinstance(event, ObjectLanded):
                self.landed(node, event, now)
            elif isinstance(event, OrderFailed):
                self.order_failed(node, event, now)

    def held(self, node: NodeId, event: ChunkHeld, now: float) -> None:
        """The node reports that it holds a chunk."""
        chunk = self.chunks.get(event.chunk)
        state = self.nodes.get(node)
        if chunk is None or state is None or not self._gets_chunk(state, chunk.index):
            return
        if not event.transfer_seconds:
            return  # Nothing moved: the order had another source before, say.
        size = self._bytes_on(state, chunk)
        state.received |= 1 << chunk.index
        state.down.add(now, event.transfer_seconds, size)
        self.recorder.held(node, event, size, now)
        if event.source is None:
            state.origin_bytes += size
            state.origin_ranges += len(chunk.spans)
            self.origin_rate.add(now, event.transfer_seconds, size)
            self._origin_reads.setdefault(chunk.index, []).append(state.share)
            return
        state.peer_bytes += size
        state.peer_ranges += len(chunk.spans)
        peer = self.nodes.get(event.source)
        if peer is not None:
            peer.served_bytes += size
            peer.up.add(now, event.transfer_seconds, size)

    def landed(self, node: NodeId, event: ObjectLanded, now: float) -> None:
        """An object is whole on the node."""
        state = self.nodes.get(node)
        if state is None or not self._gets(state, event.object):
            return
        if event.left_out_count:
            self.left_out_of[event.object] = (event.left_out, event.left_out_count)
        self._have_landed(node, state, (event.object,), now)

    def _have_landed(
        self, node: NodeId, state: NodeProgress, objects: Collection[int], now: float
    ) -> None:
        mine = mask_of(objects) & state.share.mask
        state.landed |= mine
        landed = objects if mine.bit_count() == len(objects) else positions(mine)
        for index in map(ObjectIndex, landed):
            self.recorder.landed(node, index, now)
        self._settle(node, now)
        self._settle_sharers(node, map(ObjectIndex, landed), now)

    def order_failed(self, node: NodeId, event: OrderFailed, now: float) -> None:
        """An order failed, and will be repeated."""
        if node in self.nodes and event.chunk in self.chunks:
            self.recorder.failed(node, event, now)

    def retried(self, node: NodeId, count: int) -> None:
        """The node tried so many requests again."""
        state = self.nodes.get(node)
        if state is not None:
            state.retries += count

    def failed(
        self, node: NodeId, objects: Sequence[ObjectIndex], error: XfdError, now: float
    ) -> bool:
        """These objects cannot land on the node; returns whether it gets any of them."""
        state = self.nodes.get(node)
        mine = [] if state is None else [each for each in objects if self._gets(state, each)]
        if state is None or not mine:
            return False
        state.failed |= mask_of(mine) & ~state.landed
        state.error = state.error or error
        for index in mine:
            self.errors_of.setdefault(index, error)
        self._settle(node, now)
        return True

    def origin_bytes_of(self) -> dict[ObjectIndex, int]:
        """Bytes of each object that were read from the origin, by all nodes."""
        read = dict(self.earlier_origin_bytes)
        for index, shares in self._origin_reads.items():
            for span in self.chunks[index].spans:
                times = sum(share.mask >> span.object & 1 for share in shares)
                if times:
                    read[span.object] = read.get(span.object, 0) + times * span.length
        return read

    def timeline(self) -> Timeline:
        """When the lease's chunks moved, with nodes and objects in the order of the report."""
        return self.recorder.timeline(
            {name: (node.since, node.done_at) for name, node in sorted(self.nodes.items())},
            {chunk.index: self._first_object_of(chunk) for chunk in self.chunks.values()},
            sorted(self.objects),
        )

    def _first_object_of(self, chunk: Chunk) -> ObjectIndex:
        return next(span.object for span in chunk.spans if span.object in self.objects)

    def _count_missing(
        self, state: NodeProgress, lacking: set[ObjectIndex], inventory: Inventory
    ) -> None:
        held = {
            ChunkIndex(run.first_chunk + k) for run in inventory.held for k in range(len(run.crcs))
        }
        # As sets: a shift of a long integer copies it.
        counted = set(positions(state.received | state.resumed))
        missing_before = set(positions(state.missing))
        resumed: list[int] = []
        missing: list[int] = []
        for chunk in self._chunks_of(state):
            if chunk.index in counted:
                continue
            if chunk.index in missing_before:
                if chunk.index in held:
                    resumed.append(chunk.index)
                    state.resumed_bytes += self._bytes_on(state, chunk)
                continue
            size = sum(span.length for span in chunk.spans if span.object in lacking)
            lacks = any(span.object in lacking for span in chunk.spans)
            if chunk.index in held:
                self.held_anywhere.add(chunk.index)
                if lacks:
                    resumed.append(chunk.index)
                    state.resumed_bytes += size
            elif lacks:
                self.missing_anywhere.add(chunk.index)
                missing.append(chunk.index)
                state.missing_bytes += self._bytes_on(state, chunk)
        state.resumed |= mask_of(resumed)
        state.missing |= mask_of(missing)

    def _bytes_of(self, chunk: Chunk) -> int:
        return sum(span.length for span in chunk.spans if span.object in self.objects)

    def _gets(self, state: NodeProgress, index: ObjectIndex) -> bool:
        """Whether the node gets the object."""
        if state.share is self.whole:
            return index in self.objects
        return bool(state.share.mask >> index & 1)

    def _gets_chunk(self, state: NodeProgress, index: ChunkIndex) -> bool:
        return state.share is self.whole or bool(state.share.chunks >> index & 1)

    def _chunks_of(self, state: NodeProgress) -> Iterable[Chunk]:
        if state.share is self.whole:
            return self.chunks.values()
        return [self.chunks[ChunkIndex(place)] for place in positions(state.share.chunks)]

    def _bytes_on(self, state: NodeProgress, chunk: Chunk) -> int:
        """Bytes of the chunk that the node gets."""
        if not state.share.mixed >> chunk.index & 1:
            return self.bytes_of[chunk.index]
        return sum(span.length for span in chunk.spans if self._gets(state, span.object))

    def _settle_sharers(self, node: NodeId, landed: Iterable[ObjectIndex], now: float) -> None:
        """Nodes of the same disk have what this node has landed."""
        indexes = set(landed)
        for other, theirs in self.nodes.items():
            waits_for = theirs.locked_by.items()
            if waits_for and any(owner == node and index in indexes for index, owner in waits_for):
                self._settle_locked(other)
                self._settle(other, now)

    def _settle_locked(self, node: NodeId) -> None:
        """The node has what another node of its disk has landed."""
        state = self.nodes[node]
        for index, owner in list(state.locked_by.items()):
            theirs = None if owner is None else self.nodes.get(owner)
            if theirs is not None and theirs.landed >> index & 1:
                del state.locked_by[index]
                if not state.landed >> index & 1:
                    state.shared_bytes += self.objects[index].size
                state.landed |= 1 << index

    def _settle(self, node: NodeId, now: float) -> None:
        state = self.nodes[node]
        missing = state.share.mask & ~(state.landed | state.failed)
        if state.done_at is None and not missing and not state.unlinked:
            state.done_at = now
