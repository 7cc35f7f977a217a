"""What the scheduler keeps of one node."""

from __future__ import annotations

from collections import deque

from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.orders import Order
from xfd_scheduler.bounds import REMEMBERED_TRANSFERS
from xfd_scheduler.events import NodeTraits


class Member:
    """One node of the swarm. Bit sets are over chunks unless something else is said.

    Identity:

    Attributes:
        index: its number in this swarm, which no other node has later; bit: `1 << index`.
        id, address, traits, zone: as it joined.

    Chunks and objects:

    Attributes:
        wants: chunks of objects that should land here.
        open: wanted chunks that are not held, ordered or resting.
        missed: wanted chunks that others had, or were to fetch, when this node joined, and that it
            still lacks.
        inventoried, landed, failed: bit sets over objects.
        locked_by_other: objects that another writer of this node's disk writes, and that writer.

    Orders that it has:

    Attributes:
        queued, queued_bytes: chunks that it is ordered to fetch and did not report.
        origin_orders: of these, from the origin; origin_window: the most of them at a time.
        origin_reads: chunks that it was ever ordered to read from the origin.
        depth_bytes: bytes that its queue should have.
        depth_class: the speed class for which its queue flags were derived. A new class counts from
            its next order or report on.

    Orders that name it as their source:

    Attributes:
        promised: pending orders of other nodes.
        uplink_load: bytes of all orders so far, over its share of the fastest uplink.
        strikes: failures in a row at other nodes; struck_by: these nodes.
        rest_count: how often it rested for all in a row.

    To be sent with its next orders:

    Attributes:
        pending_orders, pending_pins, pending_addresses: orders, checksums and addresses of peers.
        known_peers: nodes whose address it has, as a bit set.

    Reports:

    Attributes:
        last_seq, last_report: number and time of its last report; None before.
        interval_s: the shortest time between two reports; None before there are two.
        worked_s: time since its first report, without long silences.
        received_bytes: of all chunks that it reported.

    Its link (`links`):

    Attributes:
        rate: bytes per second that it receives in total; None while unknown.
        has_rate: whether `rate` was taken over a time that is long enough.
        measured_from, measured_bytes: when the present measurement began, and the bytes since.
        longest_s: the longest transfer since then.
        recent_transfers: when each was reported, its seconds, its bytes.
        burst_rate: the highest total rate over one of these, which fades; bytes per second.
        pace: log2 of the seconds per byte of its fast streams, over `samples` transfers.
        typical_pace: the median seconds per byte from a request to its end; 0 while unknown.
        origin_pace: of its fastest recent stream from the origin, seconds per byte; 0 at first.
        up_share: its uplink as a share of the swarm's best (1.0).
        speed_class: 0 for fast nodes; each class above has half the rate of the one before.
    """

    __slots__ = (
        "address",
        "bit",
        "burst_rate",
        "depth_bytes",
        "depth_class",
        "failed",
        "has_rate",
        "id",
        "index",
        "interval_s",
        "inventoried",
        "known_peers",
        "landed",
        "last_report",
        "last_seq",
        "locked_by_other",
        "longest_s",
        "measured_bytes",
        "measured_from",
        "missed",
        "open",
        "origin_orders",
        "origin_pace",
        "origin_reads",
        "origin_window",
        "pace",
        "pending_addresses",
        "pending_orders",
        "pending_pins",
        "promised",
        "queued",
        "queued_bytes",
        "rate",
        "received_bytes",
        "recent_transfers",
        "rest_count",
        "samples",
        "speed_class",
        "strikes",
        "struck_by",
        "traits",
        "typical_pace",
        "up_share",
        "uplink_load",
        "wants",
        "worked_s",
        "zone",
    )

    def __init__(self, index: int, node: NodeId, address: str, traits: NodeTraits) -> None:
        self.index = index
        self.bit = 1 << index
        self.id = node
        self.address = address
        self.traits = traits
        self.zone = traits.zone

        self.wants = 0
        self.open = 0
        self.missed = 0
        self.inventoried = 0
        self.landed = 0
        self.failed = 0
        self.locked_by_other: dict[ObjectIndex, NodeId | None] = {}

        self.queued = 0
        self.queued_bytes = 0
        self.origin_orders = 0
        self.origin_window = 0
        self.origin_reads = 0
        self.depth_bytes = 0.0
        self.depth_class = 0

        self.promised = 0
        self.uplink_load = 0.0
        self.strikes = 0
        self.struck_by: set[int] = set()
        self.rest_count = 0

        self.pending_orders: list[Order] = []
        self.pending_pins: dict[int, int] = {}
        self.pending_addresses: dict[int, tuple[NodeId, str]] = {}
        self.known_peers = 0

        self.last_seq: int | None = None
        self.last_report: float | None = None
        self.interval_s: float | None = None
        self.worked_s = 0.0
        self.received_bytes = 0

        self.rate = traits.down_bytes_per_s
        self.has_rate = False
        self.measured_from: float | None = None
        self.measured_bytes = 0
        self.longest_s = 0.0
        self.recent_transfers: deque[tuple[float, float, float]] = deque(
            maxlen=REMEMBERED_TRANSFERS
        )
        self.burst_rate = 0.0
        self.pace = 0.0
        self.samples = 0
        self.typical_pace = 0.0
        self.origin_pace = 0.0
        self.up_share = 1.0
        self.speed_class = 0
