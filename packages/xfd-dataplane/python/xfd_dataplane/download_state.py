"""The state of a download to one host: which chunks to order from the origin, and when it is done.

Pure: time is an argument, and the seed of all randomness goes through the constructor.
`downloading.py` carries out what it decides.

Every chunk is not needed, ordered, resting after a failure, or held. An object is missing, landed,
or *busy*: another process of this host is writing it, and the download waits for that.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable

from xfd_api.chunks import Catalog, Chunk
from xfd_api.errors import ObjectChangedError, OriginTimeoutError, XfdError
from xfd_api.ids import LOCAL_NODE, ChunkIndex, ObjectIndex, OrderId
from xfd_api.orders import Discard, Fetch, Order
from xfd_api.reports import ChunkHeld, Inventory, NodeEvent, ObjectFailed, ObjectLanded, OrderFailed
from xfd_api.timeline_recorder import TimelineRecorder

ORDER_ATTEMPTS = 4
"""Failures of one chunk's orders after which the download fails."""

SILENT_ORDERS = 2
"""Time-outs of one chunk's orders after which it fails; each took several of the origin's."""

FIRST_REST_S = 1.0
LONGEST_REST_S = 30.0
"""Rest after a chunk's first failure, doubled up to the longest; in seconds."""


class DownloadState:
    """The state of a download to one host.

    Attributes:
        failure: the first error that retries did not cure; it ends the download.
        landed: objects that are whole at their destinations.
        busy: objects that another process is writing.
        cached: objects that were whole before anything was fetched.
        cached_bytes: bytes of these objects.
        held_at_start: bytes of verified chunks that an earlier run left.
        fetched: bytes fetched for each object.
        ranges: ranges of objects fetched.
        under_way: bytes in verified chunks, of objects that have some and are not whole yet.
        left_out: names and number of archive entries that the unpacked trees lack.
        recorder: when chunks moved; `began` is the start of its times.
    """

    def __init__(self, catalog: Catalog, *, seed: int, began: float = 0.0) -> None:
        self.failure: XfdError | None = None
        self.landed: set[ObjectIndex] = set()
        self.busy: frozenset[ObjectIndex] = frozenset()
        self.cached: frozenset[ObjectIndex] = frozenset()
        self.cached_bytes = 0
        self.held_at_start = 0
        self.ranges = 0
        self.fetched: dict[ObjectIndex, int] = {}
        self.under_way: dict[ObjectIndex, int] = {}
        self.left_out: dict[ObjectIndex, tuple[tuple[str, ...], int]] = {}
        self.recorder = TimelineRecorder(began)
        self._resumed: dict[ObjectIndex, int] = {}
        self._catalog = catalog
        self._chunks = {chunk.index: chunk for chunk in catalog.chunks}
        self._held: set[ChunkIndex] = set()
        self._ordered: set[ChunkIndex] = set()
        self._outstanding: set[ChunkIndex] = set()
        self._failures: dict[ChunkIndex, int] = {}
        self._silences: dict[ChunkIndex, int] = {}
        self._resting: list[tuple[float, ChunkIndex]] = []
        self._origin_rest_until = 0.0
        self._resets_in_a_row = 0
        self._suspected: set[ObjectIndex] = set()
        self._suspects: list[ChunkIndex] = []
        self._next_order = 0
        self._random = random.Random(seed)  # noqa: S311  jitter is no secret

    @property
    def done(self) -> bool:
        """Whether every object has landed."""
        return len(self.landed) == len(self._catalog.objects)

    @property
    def outstanding(self) -> int:
        """Chunks that are ordered and not held yet, including those that rest after a failure."""
        return len(self._outstanding)

    @property
    def retried(self) -> int:
        """Orders that were repeated after a failure."""
        return sum(self._failures.values())

    def inventory_taken(self, inventory: Inventory) -> list[Fetch]:
        """Orders for the chunks that the disk lacks. Call it again while objects are busy."""
        first_time = not self._ordered and not self.landed
        self.landed.update(inventory.landed)
        self.left_out.update((index, (names, n)) for index, names, n in inventory.left_out)
        self.busy = frozenset(index for index, _ in inventory.elsewhere)
        for run in inventory.held:
            self._held.update(ChunkIndex(run.first_chunk + place) for place in range(len(run.crcs)))
        if first_time:
            self.cached = frozenset(inventory.landed)
            self.cached_bytes = inventory.cached_bytes
            resumed = [self._chunks[index] for index in self._held if self._is_wanted(index)]
            self.held_at_start = sum(chunk.size for chunk in resumed)
            for chunk in sorted(resumed, key=lambda chunk: chunk.index):
                self._count(chunk, self._resumed)
        for index in self.landed:
            self.under_way.pop(index, None)
        settled = self.landed | self.busy
        missing = (
            chunk
            for chunk in self._catalog.chunks
            if chunk.index not in self._held
            and chunk.index not in self._ordered
            and any(span.object not in settled for span in chunk.spans)
        )
        return self._fetch(missing)

    def handle(self, event: NodeEvent, now: float) -> None:
        """Handles an event at the time `now`, in seconds of a monotonic clock."""
        match event:
            case ChunkHeld():
                self._held.add(event.chunk)
                self._outstanding.discard(event.chunk)
                self._resets_in_a_row = 0
                chunk = self._chunks[event.chunk]
                self._count(chunk, self.fetched)
                if event.transfer_seconds:
                    self.ranges += len(chunk.spans)
                    self.recorder.held(LOCAL_NODE, event, chunk.size, now)
            case ObjectLanded():
                self.landed.add(event.object)
                self.under_way.pop(event.object, None)
                self.recorder.landed(LOCAL_NODE, event.object, now)
                if event.left_out_count:
                    self.left_out[event.object] = (event.left_out, event.left_out_count)
            case ObjectFailed():
                self._object_failed(event, now)
            case OrderFailed():
                self.recorder.failed(LOCAL_NODE, event, now)
                self._order_failed(event, now)

    def due(self, now: float) -> list[Order]:
        """Discards for bad chunks, and orders for chunks that have rested long enough.

        After a failure there are discards only, to submit before the swarm is left.
        """
        discards: list[Order] = []
        if self._suspects:
            discards.append(Discard(tuple(self._suspects)))
            self._suspects = []
        if self.failure is not None:
            return discards
        ready = []
        while self._resting and self._resting[0][0] <= now:
            ready.append(self._chunks[heapq.heappop(self._resting)[1]])
        return [*discards, *self._fetch(sorted(ready, key=lambda chunk: chunk.index))]

    def next_wakeup(self) -> float | None:
        """When `due` returns the next order, if no event comes before; None if it has none."""
        return self._resting[0][0] if self._resting else None

    def origin_rest_s(self, now: float) -> float:
        """Seconds until the reset that a throttling origin named; 0 if there is none."""
        return max(0.0, self._origin_rest_until - now)

    def _rest_until_reset(self, event: OrderFailed, reset_s: float, now: float) -> None:
        """The chunk is not to blame, unless nothing came between as many resets as attempts."""
        if now >= self._origin_rest_until:
            self._resets_in_a_row += 1
        if self._resets_in_a_row >= ORDER_ATTEMPTS:
            self._fail(event.error)
            return
        rest = max(reset_s, FIRST_REST_S)
        self._origin_rest_until = max(self._origin_rest_until, now + rest)
        heapq.heappush(self._resting, (now + rest, event.chunk))

    def _order_failed(self, event: OrderFailed, now: float) -> None:
        if event.reset_s is not None and not event.final:
            self._rest_until_reset(event, event.reset_s, now)
            return
        failures = self._failures.get(event.chunk, 0) + 1
        silences = self._silences.get(event.chunk, 0)
        hopeless = event.final or isinstance(event.error, ObjectChangedError)
        is_silent = isinstance(event.error, OriginTimeoutError)
        silences += is_silent
        if hopeless or silences >= SILENT_ORDERS or failures >= ORDER_ATTEMPTS:
            self._fail(event.error)
            return
        self._failures[event.chunk] = failures
        self._silences[event.chunk] = silences
        rest = min(FIRST_REST_S * 2 ** (failures - 1), LONGEST_REST_S)
        rest *= self._random.uniform(0.5, 1.0)
        heapq.heappush(self._resting, (now + max(rest, event.asked_rest_s or 0.0), event.chunk))

    def _object_failed(self, event: ObjectFailed, now: float) -> None:
        """Reads an object once more if its checksum is wrong although each chunk's was right.

        A chunk was bad when it was first read, and it is unknown which one. If it were kept, the
        next run would fail as well.
        """
        if not event.chunks_suspect or event.object in self._suspected:
            self._fail(event.error)
        if not event.chunks_suspect:
            return
        self._suspected.add(event.object)
        for chunk in self._catalog.chunks:
            if all(span.object != event.object for span in chunk.spans):
                continue
            self._suspects.append(chunk.index)
            self._held.discard(chunk.index)
            self.landed.difference_update(span.object for span in chunk.spans)
            heapq.heappush(self._resting, (now, chunk.index))

    def _fail(self, error: XfdError) -> None:
        if self.failure is None:
            self.failure = error

    def _is_wanted(self, index: ChunkIndex) -> bool:
        return any(span.object not in self.landed for span in self._chunks[index].spans)

    def _count(self, chunk: Chunk, among: dict[ObjectIndex, int]) -> None:
        """Counts a chunk among those that were fetched, or found in unfinished files."""
        for span in chunk.spans:
            among[span.object] = among.get(span.object, 0) + span.length
            here = self.fetched.get(span.object, 0) + self._resumed.get(span.object, 0)
            place = span.object - self._catalog.first_object
            if here < self._catalog.objects[place].size and span.object not in self.landed:
                self.under_way[span.object] = here
            else:
                self.under_way.pop(span.object, None)

    def _fetch(self, chunks: Iterable[Chunk]) -> list[Fetch]:
        """Orders for the chunks; one order covers neighbours of one priority."""
        orders: list[Fetch] = []
        for chunk in chunks:
            self._ordered.add(chunk.index)
            self._outstanding.add(chunk.index)
            last = orders[-1] if orders else None
            if (
                last is not None
                and last.first_chunk + last.count == chunk.index
                and last.priority == chunk.priority
            ):
                orders[-1] = Fetch(
                    last.first_order, last.first_chunk, last.count + 1, None, last.priority
                )
            else:
                order = OrderId(self._next_order)
                orders.append(Fetch(order, chunk.index, 1, None, chunk.priority))
            self._next_order += 1
        return orders
