"""Which nodes get something of a call whose requests select nodes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

from xfd_api.errors import NoNodesError
from xfd_api.ids import NodeId
from xfd_api.lookups import Lookup
from xfd_api.node_selector import NodeSelector, both
from xfd_ray.placement import NodeInfo, in_words, matches, select


class RequestNodes:
    """Finds the selectors that select a node; there may be one for each of a thousand nodes."""

    def __init__(self, selectors: Iterable[NodeSelector]) -> None:
        self._by_id: dict[str, list[NodeSelector]] = {}
        self._others: list[NodeSelector] = []
        for selector in dict.fromkeys(selectors):
            if selector.ids is None:
                self._others.append(selector)
            for node in selector.ids or ():
                self._by_id.setdefault(node, []).append(selector)

    def selecting(self, node: NodeInfo) -> frozenset[NodeSelector]:
        """The selectors that select the node."""
        candidates = [*self._by_id.get(node.id, ()), *self._others]
        return frozenset(each for each in candidates if matches(each, node))


def for_nodes(lookups: Sequence[Lookup], nodes: NodeSelector) -> tuple[NodeSelector, ...]:
    """For each lookup, what selects the nodes that get it, of those that its call selects."""
    return tuple(nodes if each.nodes is None else both(nodes, each.nodes) for each in lookups)


def select_for(
    live: Sequence[NodeInfo], nodes: NodeSelector, lookups: Sequence[Lookup]
) -> tuple[NodeInfo, ...]:
    """The live nodes that get something of a call, in the order of their ids.

    Args:
        live: all live nodes.
        nodes: what the call selects.
        lookups: of its requests.

    Raises:
        NoNodesError: the call, or one of its requests, selects no live node.
    """
    chosen = select(live, nodes)
    if all(lookup.nodes is None for lookup in lookups):
        return chosen
    selectors = for_nodes(lookups, nodes)
    requests = RequestNodes(selectors)
    by_node = {node.id: requests.selecting(node) for node in chosen}
    used = frozenset().union(*by_node.values())
    for lookup, selector in zip(lookups, selectors, strict=True):
        if selector not in used or _unknown_ids(lookup, by_node.keys()):
            raise _no_nodes(lookup, chosen)
    return tuple(node for node in chosen if by_node[node.id])


def _unknown_ids(lookup: Lookup, nodes: Set[NodeId]) -> set[str]:
    return set(lookup.nodes.ids or () if lookup.nodes is not None else ()) - nodes


def _no_nodes(lookup: Lookup, chosen: Sequence[NodeInfo]) -> NoNodesError:
    """Why a request has none of the call's nodes, or not all that it names."""
    unknown = _unknown_ids(lookup, {node.id for node in chosen})
    if unknown:
        what = f"The request is for nodes that are not among the call's {len(chosen)}: "
        what += ", ".join(sorted(unknown))
    else:
        conditions = in_words(lookup.nodes or NodeSelector(), chosen)
        what = f"The request is for none of the call's {len(chosen)} nodes: {conditions}"
    return NoNodesError(
        what,
        object=lookup.named,
        remedy="Correct the request's nodes=, which selects among the live nodes of its call",
    )
