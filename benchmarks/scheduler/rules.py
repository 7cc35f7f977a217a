"""The rules of the scheduler, and how each is switched off.

A switch sets names of `xfd_scheduler` to other values, in a process of its own. Rules that guard
correctness under faults are not here: simulated faults seldom reach them, so time says nothing.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xfd_scheduler.links.estimate import LinkEstimator
from xfd_scheduler.policy import tree_layout, tree_shape
from xfd_scheduler.policy.backfill import Backfill
from xfd_scheduler.policy.spread import Spread
from xfd_scheduler.state import origin_budget
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.swarm_state import SwarmState


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that can be switched off.

    Attributes:
        what: the rule in a few words.
        off: new values by the names of what they replace, below `xfd_scheduler`.
    """

    what: str
    off: Mapping[str, Any]


def switch_off(name: str) -> None:
    """Switches a rule off in this process.

    Raises:
        KeyError: there is no such rule.
        AttributeError: the scheduler has no such name, because it was renamed.
    """
    for path, value in RULES[name].off.items():
        module, names = path.split(":")
        *outer, last = names.split(".")
        target: Any = importlib.import_module(f"xfd_scheduler.{module}")
        for part in outer:
            target = getattr(target, part)
        set_name(target, last, value)


def set_name(target: Any, name: str, value: Any) -> None:
    """Gives a name of a module or a class another value."""
    getattr(target, name)
    setattr(target, name, value)


def _nothing(*_: Any, **__: Any) -> None:
    """Does nothing."""


def _is(value: Any) -> Callable[..., Any]:
    """A function that returns this, whatever it is given."""
    return lambda *_, **__: value


def _in_levels(above: Sequence[int], order: Sequence[int], *others: Any) -> list[int]:
    """Slow nodes stand below the nodes above them level by level, as fast ones do."""
    return tree_layout.breadth_first_parents(above, order, others[-1])


def _room_below_depth(self: Spread, chunk: int, wanting: int) -> int:
    """A wave takes no node above its depth."""
    return _room(self, chunk, wanting) & self.swarm.below_depth


def _without_loads(swarm: SwarmState, receivers: int) -> list[int]:
    """Nodes in the order of their numbers; fast ones first."""
    return sorted(positions(receivers), key=lambda node: swarm.members[node].speed_class)


def _sorted_again(swarm: SwarmState, order: Sequence[int]) -> list[int]:
    """The next chunk of a run has an order of its own."""
    return tree_shape.in_order(swarm, sum(1 << node for node in order))


def _one_priority(
    swarm: Any, first: int, readers: Sequence[int], _: Sequence[int], parents: Sequence[int]
) -> tuple[dict[int, int], int]:
    """The same priority for all nodes of a tree."""
    priority = swarm.order_priority(first, swarm.launch_count)
    return dict.fromkeys([*readers, *parents], priority), priority


def _one_group(_: Any, order: Sequence[int]) -> list[list[int]]:
    """All nodes in one group, whatever their zones."""
    return [list(order)]


def _wide(swarm: Any) -> int:
    """The same fan-out whatever is known of the links."""
    most = min(swarm.settings.fan_out, swarm.settings.upload_slots)
    return int(min(most, max(2, len(swarm.catalog.sizes))))


_compare = LinkEstimator._compare
_fill = Backfill.fill
_room = Spread._room


def _compare_and_apply(self: LinkEstimator, members: Any) -> None:
    """Classes order trees, however little of the uplink the fast nodes have."""
    _compare(self, members)
    self.links.classes_apply = True


def _fill_after_waves(self: Backfill, left: int, now: float, *, only_starving: bool) -> int:
    """Fills no queue before a wave."""
    return left if only_starving else _fill(self, left, now, only_starving=False)


def _rarest(self: Any, _: Any, mask: int) -> int:
    """The rarest chunk, whether the node missed it or not."""
    return int(self.swarm.rarity.rarest(mask, self.swarm.catalog.by_priority.values()))


def _first_that_may(self: Any, nodes: Sequence[int], _: int, count: int) -> int | None:
    """The first of the nodes that may read."""
    members = self.swarm.members
    able = (node for node in nodes if origin_budget.may_read(self.swarm, members[node], count))
    return next(able, None)


RULES = {
    "clock": Rule(
        "nodes that have promised least stand at the top of trees",
        {"policy.spread:in_order": _without_loads},
    ),
    "classes": Rule(
        "slow nodes are known, and treated apart",
        {"links.estimate:LinkEstimator._estimated_share": _is(1.0)},
    ),
    "suffice": Rule(
        "classes count only if fast nodes have most of the uplink",
        {"links.estimate:LinkEstimator._compare": _compare_and_apply},
    ),
    "hysteresis": Rule(
        "a slow node needs a higher rate to count as fast again",
        {"links.estimate:FAST_AGAIN_SHARE": 0.5},
    ),
    "total": Rule(
        "a node that receives far less in total than its streams say is slow",
        {"links.estimate:SLOW_TOTAL_SHARE": 0.0},
    ),
    "receivers": Rule(
        "a node that receives far less than others is slow",
        {"links.receivers:SlowReceivers.look": _nothing},
    ),
    "short-queue": Rule(
        "slow nodes have queues half as long", {"state.swarm_state:SLOW_QUEUE_DIVISOR": 1}
    ),
    "below-least": Rule(
        "a slow node stands below the node that has promised least",
        {"policy.tree_layout:least_promised_parents": _in_levels},
    ),
    "narrow": Rule(
        "trees are narrow if all links are alike",
        {"policy.tree_shape:fan_out": _wide},
    ),
    "few-chunks": Rule(
        "few chunks make a deep tree, and links that are alike a narrow one",
        {"policy.tree_shape:MIN_FAN_OUT": 99, "policy.tree_shape:NARROW_TREE_LEVELS": 1},
    ),
    "levels": Rule(
        "nodes fetch a chunk the sooner the higher they stand",
        {"policy.commit:_priorities": _one_priority},
    ),
    "zones": Rule("a chunk enters each zone once", {"policy.relay_tree:by_zone": _one_group}),
    "wave-start": Rule(
        "a wave waits for half of the nodes, or for one that starves",
        {"policy.spread:MOST": math.inf},
    ),
    "wave-depth": Rule(
        "a wave takes nodes with up to twice their depth",
        {"policy.spread:Spread._room": _room_below_depth},
    ),
    "runs": Rule("a wave launches a run of neighbours", {"policy.spread:run_limit": _is(1)}),
    "rotate": Rule(
        "the chunks of a run rotate one order", {"policy.spread:rotated": _sorted_again}
    ),
    "stride": Rule(
        "nodes that are equal rotate between waves", {"policy.tree_shape:ROTATION_STRIDE": 0}
    ),
    "patience": Rule(
        "the first plans wait for nodes that start", {"policy.plan:waits_for_nodes": _is(False)}
    ),
    "prompt": Rule(
        "fast nodes read that have caught up",
        {"policy.origin_readers:fast_ones": lambda _, order: len(order)},
    ),
    "least-read": Rule(
        "of several candidates, the one that has read least reads",
        {"policy.origin_readers:OriginReaders._least_read": _first_that_may},
    ),
    "top-reads": Rule(
        "the reader stands near the top of the tree",
        {"policy.origin_readers:READER_CANDIDATES": 0},
    ),
    "catching-up": Rule(
        "late nodes are treated apart until they have caught up",
        {"intake.inventories:MUCH_MISSED_SHARE": -1.0},
    ),
    "missed-first": Rule(
        "what a late node missed goes in the order of the chunks",
        {"policy.backfill:Backfill._next_chunk": _rarest},
    ),
    "starving-first": Rule(
        "single orders for starving nodes come before waves",
        {"policy.backfill:Backfill.fill": _fill_after_waves},
    ),
    "relay": Rule(
        "single orders may name a node that will have the chunk",
        {"policy.sources:RELAY_LOAD": math.inf},
    ),
    "own-zone": Rule(
        "single orders prefer sources in the own zone",
        {"state.swarm_state:SwarmState.zone_mask": _is(0)},
    ),
    "node-window": Rule(
        "each node has a window of reads", {"links.windows:node_window": _is(10**9)}
    ),
    "swarm-window": Rule(
        "the swarm has a window of reads", {"links.windows:swarm_window": _is(10**9)}
    ),
    "read-share": Rule(
        "the swarm reads fewer chunks than a node has slots",
        {"links.windows:READ_SHARE": 1.0, "links.windows:FIRST_READ_SHARE": 1.0},
    ),
    "read-first": Rule(
        "it reads even fewer until the first bytes arrive",
        {"links.windows:FIRST_READ_SHARE": 3 / 4},
    ),
    "equal-share": Rule(
        "no node reads far more than its share", {"state.origin_budget:READER_SHARE_FACTOR": 10**9}
    ),
    "reconsider": Rule(
        "running orders move to better sources", {"policy.reconsider:Reconsider.look": _nothing}
    ),
    "late-idle": Rule(
        "an order is late sooner at a node that has nothing left to be ordered",
        {"policy.late_orders:LATE_IDLE_DIVISOR": 1},
    ),
    "not-started": Rule(
        "a node reads what a slow node has not started to read",
        {"policy.reconsider:Reconsider._has_started": _is(True)},
    ),
    "waited": Rule(
        "a node that waits at its end takes a slow node's read over",
        {"policy.reconsider:Reconsider._has_waited": _is(False)},
    ),
    "late": Rule(
        "reason late: an order that is far older than usual moves",
        {"policy.late_orders:LateOrders._by_chunk": lambda *_: {}},
    ),
    "slow-source": Rule(
        "reason slow source: a node leaves a source two classes slower",
        {"policy.reconsider:SLOW_SOURCE_CLASSES": 99},
    ),
    "take-over": Rule(
        "a faster node continues a slow node's read",
        {"policy.reconsider:Reconsider._take_over": _nothing},
    ),
    "read-again": Rule(
        "a late read is asked of the origin again",
        {"policy.reconsider:Reconsider._read_again": _nothing},
    ),
}
"""By the name that the table has for it."""
