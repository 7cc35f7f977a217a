"""The nodes of a cluster, and which of them a `NodeSelector` selects. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xfd_api.errors import NoNodesError
from xfd_api.ids import NodeId
from xfd_api.node_selector import NodeSelector
from xfd_api.node_selector import may_meet as conditions_may_meet

HEAD_RESOURCE = "node:__internal_head__"
ZONE_LABELS = ("ray.io/availability-zone", "topology.kubernetes.io/zone")


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A live node of the cluster, as Ray lists it.

    Attributes:
        address: where other nodes reach it.
        host: the name that its machine gives itself; for people, who know it better than an id.
    """

    id: NodeId
    address: str
    labels: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, float] = field(default_factory=dict)
    host: str = ""

    @property
    def is_head(self) -> bool:
        """Whether Ray's own services run on it."""
        return HEAD_RESOURCE in self.resources

    @property
    def zone(self) -> str:
        """Its availability zone by its labels; empty if they name none."""
        return next((self.labels[name] for name in ZONE_LABELS if name in self.labels), "")


def matches(selector: NodeSelector, node: NodeInfo) -> bool:
    """Whether the node meets every condition of the selector."""
    return (
        (selector.ids is None or node.id in selector.ids)
        and all(node.labels.get(name) == value for name, value in selector.labels.items())
        and all(node.resources.get(name, 0) >= n for name, n in selector.resources.items())
        and not (selector.exclude_head and node.is_head)
    )


def may_meet(one: NodeSelector, two: NodeSelector, live: Mapping[NodeId, NodeInfo]) -> bool:
    """Whether a node may be selected by both, now or when it joins."""
    if not conditions_may_meet(one, two):
        return False
    ids = one.ids if two.ids is None else two.ids
    if ids is None:
        return True
    named = [live[node] for node in map(NodeId, ids) if node in live]
    return any(matches(one, node) and matches(two, node) for node in named)


def select(live: Sequence[NodeInfo], selector: NodeSelector) -> tuple[NodeInfo, ...]:
    """The live nodes that the selector matches, in the order of their ids.

    Raises:
        NoNodesError: it matches none, or an id that it names is not of a live node.
    """
    chosen = tuple(sorted((n for n in live if matches(selector, n)), key=lambda n: n.id))
    missing = set(selector.ids or ()) - {node.id for node in live}
    if missing:
        named = ", ".join(sorted(missing))
        raise NoNodesError(f"Not among the live nodes of the cluster: {named}")
    if not chosen:
        raise NoNodesError(
            f"None of the {len(live)} live nodes is as asked for: {in_words(selector, live)}"
        )
    return chosen


def in_words(selector: NodeSelector, live: Sequence[NodeInfo]) -> str:
    """Describes the conditions; for each label, with the values that nodes have instead."""
    words = []
    for name, value in selector.labels.items():
        values = ", ".join(sorted({node.labels[name] for node in live if name in node.labels}))
        words.append(f"label {name}={value} (there is {values or 'no such label'})")
    words += [f"resource {name} of {n:g} or more" for name, n in selector.resources.items()]
    words += ["not the head"] if selector.exclude_head else []
    return " and ".join(words) or "any"


def nodes_of_ray(listed: Sequence[Mapping[str, Any]]) -> tuple[NodeInfo, ...]:
    """Picks the live nodes out of what `ray.nodes()` lists."""
    return tuple(
        NodeInfo(
            id=NodeId(str(entry["NodeID"])),
            address=str(entry["NodeManagerAddress"]),
            labels=dict(entry.get("Labels") or {}),
            resources=dict(entry.get("Resources") or {}),
            host=str(entry.get("NodeManagerHostname") or entry["NodeManagerAddress"]),
        )
        for entry in listed
        if entry.get("Alive")
    )
