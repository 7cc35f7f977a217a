"""What is known of the links of a swarm, for the windows and the policy to read."""

from __future__ import annotations

from dataclasses import dataclass

from xfd_scheduler.tuning import ASSUMED_ORIGIN_WAIT_S


@dataclass(slots=True)
class LinkSpeeds:
    """Figures of the whole swarm; `links.estimate` keeps them.

    Attributes:
        best_rate: the most that a node receives, bytes per second; 0 until it is known.
        interval_s: the shortest time between two reports of a node; 0 until it is known.
        origin_wait_s: from a request to the origin to its first byte, on average.
        typical_pace: the median seconds per byte from a request to its end; 0 until it is known.
        classes_apply: whether speed classes order trees: the fast nodes have most of the swarm's
            uplink. Otherwise the few nodes at the top would carry everything.
        are_alike: whether the link of every node is known, and none is slow.
        slowed: nodes that became slow while they had orders, as a bit set.
        classes_changed: whether the class of a node changed since the policy last looked.
    """

    best_rate: float = 0.0
    interval_s: float = 0.0
    origin_wait_s: float = ASSUMED_ORIGIN_WAIT_S
    typical_pace: float = 0.0
    classes_apply: bool = True
    are_alike: bool = False
    classes_changed: bool = False
    slowed: int = 0
