"""Which nodes of the cluster take part.

`nodes=` of the public API is one of: None, all live nodes; a list of node ids (hexadecimal); a
dictionary of node labels; or a `NodeSelector` for anything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xfd_api.errors import InvalidRequestError, NoNodesError
from xfd_api.ids import NodeId

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


@dataclass(frozen=True, slots=True)
class NodeSelector:
    """Selects the nodes that meet every condition; a selector without conditions selects all.

    Attributes:
        ids: only these nodes; None for any.
        labels: each of these node labels has this value.
        resources: the node has at least this much of each of these resources in total.
        exclude_head: leave the head node out.

    Raises:
        InvalidRequestError: a condition has the wrong type.

    Example:
        >>> from xfd_ray import NodeSelector
        >>> NodeSelector(labels={"market": "spot"}, exclude_head=True).takes_late_nodes
        True
    """

    ids: tuple[str, ...] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, float] = field(default_factory=dict)
    exclude_head: bool = False

    def __post_init__(self) -> None:
        """Refuses conditions of the wrong type, which would match nothing, or single letters."""
        ids = self.ids
        if ids is not None and (
            isinstance(ids, str)
            or not isinstance(ids, Sequence)
            or not all(isinstance(each, str) for each in ids)
        ):
            raise InvalidRequestError(
                f"NodeSelector(ids=...) is {ids!r}", remedy="Give a tuple of Ray node ids"
            )
        for name, conditions in (("labels", self.labels), ("resources", self.resources)):
            if not isinstance(conditions, Mapping):
                raise InvalidRequestError(
                    f"NodeSelector({name}=...) is {conditions!r}", remedy="Give a dictionary"
                )
        for name, amount in self.resources.items():
            if isinstance(amount, bool) or not isinstance(amount, int | float):
                raise InvalidRequestError(
                    f"NodeSelector(resources=...) asks for {amount!r} of {name}",
                    remedy="Give a number",
                )

    @property
    def takes_late_nodes(self) -> bool:
        """Whether nodes that the cluster does not have yet may match."""
        return self.ids is None

    def matches(self, node: NodeInfo) -> bool:
        """Whether the node meets every condition."""
        return (
            (self.ids is None or node.id in self.ids)
            and all(node.labels.get(name) == value for name, value in self.labels.items())
            and all(node.resources.get(name, 0) >= n for name, n in self.resources.items())
            and not (self.exclude_head and node.is_head)
        )


Nodes = NodeSelector | Sequence[str] | Mapping[str, str] | None


def as_selector(nodes: Nodes) -> NodeSelector:
    """Turns a value of `nodes=` into a selector.

    Raises:
        InvalidRequestError: the value has none of these forms, or is an empty list.

    Example:
        >>> as_selector({"market": "spot"})
        NodeSelector(ids=None, labels={'market': 'spot'}, resources={}, exclude_head=False)
    """
    if nodes is None:
        return NodeSelector()
    if isinstance(nodes, NodeSelector):
        return nodes
    if isinstance(nodes, Mapping):
        return NodeSelector(labels=dict(nodes))
    if isinstance(nodes, Sequence) and not isinstance(nodes, str) and nodes:
        return NodeSelector(ids=tuple(nodes))
    raise InvalidRequestError(
        f"nodes is {nodes!r}", remedy="Give None, node ids, a dict of labels or a NodeSelector"
    )


def select(live: Sequence[NodeInfo], selector: NodeSelector) -> tuple[NodeInfo, ...]:
    """The live nodes that the selector matches, in the order of their ids.

    Raises:
        NoNodesError: it matches none, or an id that it names is not of a live node.
    """
    chosen = tuple(sorted((n for n in live if selector.matches(n)), key=lambda n: n.id))
    missing = set(selector.ids or ()) - {node.id for node in live}
    if missing:
        named = ", ".join(sorted(missing))
        raise NoNodesError(f"Not among the live nodes of the cluster: {named}")
    if not chosen:
        raise NoNodesError(
            f"None of the {len(live)} live nodes is as asked for: {_in_words(selector, live)}"
        )
    return chosen


def _in_words(selector: NodeSelector, live: Sequence[NodeInfo]) -> str:
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
