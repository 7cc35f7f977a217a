"""The limits that an operator sets. Constants of the policy are in `tuning`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OriginPolicy = Literal["once-per-cluster", "once-per-zone"]


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """Limits that a plan keeps.

    A node runs at most `download_slots` of its orders at once, and the others in their order. So a
    plan may give it more orders, up to the depth of its queue.

    >>> SchedulerSettings(download_slots=32, upload_slots=64).fan_out
    4

    Attributes:
        download_slots: chunks that one node fetches at once (`node_parallelism`).
        upload_slots: chunks that one node serves at once.
        origin_slots: chunks that the whole swarm reads from the origin at once
            (`object_store_parallelism`). It holds whichever orders the nodes run first: the sum
            over the nodes of min(origin orders, `download_slots`) never exceeds it.
        origin_policy: whether each chunk is read from the origin once in the whole swarm, or once
            in each zone.
        origin_copies: how often each chunk is read from the origin if the policy is once per
            cluster; in different zones first.
        attempts: failures of one chunk at the origin, or by a node's own fault, before the object
            fails on that node. Failures with peers fail nothing, see `state.attempts`.
        relay: whether a node sends a chunk on while it still receives it. If not, a chunk spreads
            by doubling: each holder sends it to one node after the other.
        fan_out: nodes that one node sends one chunk to, at most; never more than `upload_slots`,
            and fewer in small swarms of equal links.
        queue_s: seconds of work that a node's queue holds, if that is more than `report_intervals`
            report intervals; never less than 2 * `download_slots` chunks.
        report_intervals: see `queue_s`. What is known of a queue is up to one interval old, new
            orders take up to one more to arrive, and a node gets more when half is left.
        report_interval_s: seconds between two reports of a node until it is measured; None for a
            thousandth of a second per node.
        assumed_bytes_per_s: what a node moves until it is measured.
        rest_s: how long a failing peer, chunk or origin rests at first; doubles with each failure.
        rest_ceiling_s: the longest rest.
        strikes: failures in a row, at different nodes, before a peer rests for all nodes.
        patience_s: how long the first nodes read next to nothing while others are starting. Those
            would have to catch up, and the last node to join needs its time in any case.
        assignments_per_plan: about the most orders that one plan gives out, so that the first nodes
            start while the rest is planned. A wave is never split.

    Raises:
        ValueError: a number of slots, copies, attempts or children is less than 1.
    """

    download_slots: int = 16
    upload_slots: int = 32
    origin_slots: int = 1000
    origin_policy: OriginPolicy = "once-per-cluster"
    origin_copies: int = 1
    attempts: int = 6
    relay: bool = True
    fan_out: int = 4
    queue_s: float = 0.25
    report_intervals: float = 6.0
    report_interval_s: float | None = None
    assumed_bytes_per_s: float = 3.0e9
    rest_s: float = 0.1
    rest_ceiling_s: float = 20.0
    strikes: int = 3
    patience_s: float = 3.0
    assignments_per_plan: int = 200_000

    def __post_init__(self) -> None:
        for name in (
            "download_slots",
            "upload_slots",
            "origin_slots",
            "origin_copies",
            "attempts",
            "fan_out",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, less than 1")
