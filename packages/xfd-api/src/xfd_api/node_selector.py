"""Which nodes of a cluster a call, or one of its requests, is for. Pure.

`nodes=` is one of: None, for all nodes; a list of Ray node ids (hexadecimal); a dictionary of node
labels; or a `NodeSelector` for anything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xfd_api.errors import InvalidRequestError


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
        >>> from xfd_api import NodeSelector
        >>> NodeSelector(labels={"market": "spot"}, exclude_head=True).takes_late_nodes
        True
    """

    ids: tuple[str, ...] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, float] = field(default_factory=dict)
    exclude_head: bool = False

    def __post_init__(self) -> None:
        """Refuses conditions of the wrong type, which would match nothing, or single letters."""
        if self.ids is not None:
            object.__setattr__(self, "ids", _checked_ids(self.ids))
        for name, conditions in (("labels", self.labels), ("resources", self.resources)):
            if not isinstance(conditions, Mapping):
                raise InvalidRequestError(
                    f"NodeSelector({name}=...) is {conditions!r}", remedy="Give a dictionary"
                )
            for key in conditions:
                if not isinstance(key, str):
                    raise InvalidRequestError(
                        f"NodeSelector({name}=...) names {key!r}", remedy="Give names as texts"
                    )
        for name, value in self.labels.items():
            if not isinstance(value, str):
                raise InvalidRequestError(
                    f"NodeSelector(labels=...) asks for {value!r} of {name}",
                    remedy="Give the label's value as a text",
                )
        for name, amount in self.resources.items():
            if isinstance(amount, bool) or not isinstance(amount, int | float):
                raise InvalidRequestError(
                    f"NodeSelector(resources=...) asks for {amount!r} of {name}",
                    remedy="Give a number",
                )

    def __hash__(self) -> int:
        """Of all conditions: there may be a selector by label for each of a thousand nodes."""
        pairs = (frozenset(each.items()) for each in (self.labels, self.resources))
        return hash((self.ids, *pairs, self.exclude_head))

    @property
    def takes_late_nodes(self) -> bool:
        """Whether nodes that the cluster does not have yet may match."""
        return self.ids is None


Nodes = NodeSelector | Sequence[str] | Mapping[str, str] | None
"""The forms of `nodes=`."""


def as_selector(nodes: Nodes, *, what: str = "nodes") -> NodeSelector:
    """Turns a value of `nodes=` into a selector.

    Args:
        nodes: the value.
        what: the name of the argument, for errors.

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
    if isinstance(nodes, Sequence) and not isinstance(nodes, str | bytes) and nodes:
        return NodeSelector(ids=tuple(nodes))
    raise InvalidRequestError(
        f"{what} is {nodes!r}", remedy="Give None, node ids, a dict of labels or a NodeSelector"
    )


def both(one: NodeSelector, two: NodeSelector) -> NodeSelector:
    """Selects the nodes that meet the conditions of both.

    Example:
        >>> both(NodeSelector(ids=("aa", "bb")), NodeSelector(ids=("bb", "cc"))).ids
        ('bb',)
    """
    ids = one.ids if two.ids is None else two.ids
    if one.ids is not None and two.ids is not None:
        ids = tuple(each for each in one.ids if each in two.ids)
    resources = dict(one.resources)
    for name, amount in two.resources.items():
        resources[name] = max(amount, resources.get(name, amount))
    return NodeSelector(
        ids=() if _contradict(one, two) else ids,
        labels={**one.labels, **two.labels},
        resources=resources,
        exclude_head=one.exclude_head or two.exclude_head,
    )


def may_meet(one: NodeSelector, two: NodeSelector) -> bool:
    """Whether a node can be selected by both, as far as the conditions alone say.

    Example:
        >>> may_meet(NodeSelector(labels={"rank": "0"}), NodeSelector(labels={"rank": "1"}))
        False
    """
    if one.ids is not None and two.ids is not None and set(one.ids).isdisjoint(two.ids):
        return False
    return not _contradict(one, two)


def _contradict(one: NodeSelector, two: NodeSelector) -> bool:
    """Whether both ask for one label, with different values."""
    return any(two.labels.get(name, value) != value for name, value in one.labels.items())


def _checked_ids(ids: Any) -> tuple[str, ...]:
    if (
        isinstance(ids, str)
        or not isinstance(ids, Sequence)
        or not all(isinstance(each, str) for each in ids)
    ):
        raise InvalidRequestError(
            f"NodeSelector(ids=...) is {ids!r}", remedy="Give a tuple of Ray node ids"
        )
    return tuple(ids)
