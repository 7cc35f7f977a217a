"""What the scheduler keeps of one node."""

from __future__ import annotations

from collections import deque

from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.orders import Order
from xfd_scheduler.events import NodeTraits
from xfd_scheduler.tuning import REMEMBERED_TRANSFERS


class Member:
    """One node of the swarm. Bit sets are over chunks where nothing else is said.

    Attributes:
        index: its number in this swarm, never used again after it is lost.
        wants: chunks of objects that should land here.
        open: chunks it wants and neither holds, nor is ordered to fetch, nor waits to retry.
        inventoried, landed, failed: bit sets over objects.
        elsewhere: objects that another node writes on this node's disk, and who.
        queued, queued_bytes: chunks it is ordered to fetch and has not reported.
        origin_orders: of these, from the origin.
        origin_window: how many it may have of these, see `rates.node_window`.
        origin_pace: of its quickest stream from the origin lately, seconds per byte; 0 at first.
        worked_s: since its first report, silences left out.
        promised: orders of other nodes that name it as their source.
        clock: seconds of its uplink that all orders naming it took so far.
        missed: chunks that others had, or were ordered to fetch, when it was found to lack them,
            and that it still lacks; bit set.
        end_game_at: when its last orders are looked at again.
        end_game_since: since when nothing is left to be ordered for it; None where something is.
        known: nodes whose address it was told, as a bit set.
        strikes: nodes that it failed in a row; rests: how often it was rested for all.
        reads: chunks it was ever ordered to read from the origin.
        depth_bytes: how much work it should have.
        supplied_as: the speed class that its room was derived for; a new one counts from its next
            order or report on.
        down: bytes per second that it receives in all, as far as is known.
        has_rate: whether `down` was taken over a time that is long enough.
        received_bytes, longest_s: bytes since `measured_from`, and the longest of their transfers.
        arrived_bytes: of all chunks that it reported.
        recent: its latest transfers: when each was reported, seconds, bytes.
        burst: the most that it received in all over one of them, lately; bytes per second.
        pace: of its quick streams, see `speeds`; of so many `samples`.
        usual_pace: the median seconds per byte from a request to its end; 0 until one ended.
        up_share: its uplink, compared with the swarm's best (1.0).
        speed_class: 0 for the fast ones; each further class has half the rate.
    """

    __slots__ = (
        "address",
        "arrived_bytes",
        "bit",
        "burst",
        "clock",
        "depth_bytes",
        "down",
        "elsewhere",
        "end_game_at",
        "end_game_since",
        "failed",
        "has_rate",
        "id",
        "index",
        "interval_s",
        "inventoried",
        "known",
        "landed",
        "last_report",
        "last_seq",
        "longest_s",
        "measured_from",
        "meet",
        "missed",
        "open",
        "origin_orders",
        "origin_pace",
        "origin_window",
        "outbox",
        "pace",
        "pins",
        "promised",
        "queued",
        "queued_bytes",
        "reads",
        "received_bytes",
        "recent",
        "rests",
        "samples",
        "served_bytes",
        "speed_class",
        "strikes",
        "supplied_as",
        "traits",
        "up_share",
        "usual_pace",
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
        self.inventoried = 0
        self.landed = 0
        self.failed = 0
        self.elsewhere: dict[ObjectIndex, NodeId | None] = {}
        self.queued = 0
        self.queued_bytes = 0
        self.origin_orders = 0
        self.origin_window = 0
        self.origin_pace = 0.0
        self.promised = 0
        self.clock = 0.0
        self.known = 0
        self.missed = 0
        self.end_game_at = 0.0
        self.end_game_since: float | None = None
        self.depth_bytes = 0.0
        self.supplied_as = 0
        self.down = traits.down_bytes_per_s
        self.has_rate = False
        self.recent: deque[tuple[float, float, float]] = deque(maxlen=REMEMBERED_TRANSFERS)
        self.burst = 0.0
        self.pace = 0.0
        self.samples = 0
        self.usual_pace = 0.0
        self.up_share = 1.0
        self.speed_class = 0
        self.received_bytes = 0
        self.arrived_bytes = 0
        self.measured_from: float | None = None
        self.longest_s = 0.0
        self.served_bytes = 0
        self.interval_s: float | None = None
        self.worked_s = 0.0
        self.last_report: float | None = None
        self.last_seq: int | None = None
        self.strikes: set[int] = set()
        self.rests = 0
        self.reads = 0
        self.outbox: list[Order] = []
        self.pins: dict[int, int] = {}
        self.meet: dict[int, tuple[NodeId, str]] = {}
