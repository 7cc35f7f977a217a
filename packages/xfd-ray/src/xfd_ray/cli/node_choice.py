"""The option `--nodes`: labels, node ids and hosts on the command line. Pure."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xfd_api.configuration import load
from xfd_api.errors import InvalidRequestError, NoNodesError
from xfd_api.ids import NodeId
from xfd_api.node_selector import NodeSelector
from xfd_ray.placement import NodeInfo

SHORT = 12
"""Characters of a node id that are shown, and the most that `--nodes` needs to find it."""

LEAST = 4
"""Characters of a node id that a shortened one has."""


@dataclass(frozen=True, slots=True)
class NodeChoice:
    """What `--nodes` and `--exclude-head` say.

    Attributes:
        names: node ids, their beginnings, hosts or addresses; empty for any node.
        labels: each of these node labels has this value.
        exclude_head: leave the head node out.
    """

    names: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    exclude_head: bool = False

    def selector(self, live: Sequence[NodeInfo]) -> NodeSelector:
        """The selector for `xfd_ray`.

        Args:
            live: the live nodes of the cluster, which names are looked up among.

        Raises:
            NoNodesError: a name fits no live node.
            InvalidRequestError: the beginning of an id fits several.
        """
        ids = tuple(node.id for name in self.names for node in _named(name, live))
        return NodeSelector(
            ids=ids if self.names else None, labels=self.labels, exclude_head=self.exclude_head
        )


def add_nodes(parser: argparse.ArgumentParser) -> None:
    """`--nodes` and `--exclude-head`; `choice_of` reads them."""
    nodes = parser.add_argument_group("nodes")
    nodes.add_argument(
        "--nodes",
        type=parse_nodes,
        metavar="NODES",
        help="only these nodes: labels as NAME=VALUE,..., or node ids (their first characters are "
        "enough), hosts or addresses, separated by commas (default: all live nodes)",
    )
    nodes.add_argument("--exclude-head", action="store_true", help="leave the head node out")


def choice_of(options: argparse.Namespace) -> NodeChoice:
    """The choice that the options name."""
    names, labels = options.nodes or ((), {})
    return NodeChoice(names, labels, options.exclude_head)


def configured_choice(options: argparse.Namespace) -> NodeChoice:
    """The choice that the options name, else the one that is configured.

    Raises:
        InvalidRequestError: a file or a variable has a wrong setting.
    """
    if options.nodes is not None or options.exclude_head:
        return choice_of(options)
    configured = load().resolve("nodes") or ()
    if isinstance(configured, Mapping):
        return NodeChoice(labels=configured)
    return NodeChoice(names=tuple(configured))


def parse_nodes(text: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The names and the labels of `--nodes`.

    Example:
        >>> parse_nodes("market=spot,3f2a")
        (('3f2a',), {'market': 'spot'})
    """
    names: list[str] = []
    labels: dict[str, str] = {}
    for each in filter(None, (part.strip() for part in text.split(","))):
        name, mark, value = each.partition("=")
        if mark and name:
            labels[name] = value
        elif mark:
            raise argparse.ArgumentTypeError(f"{each!r} has no name before the =")
        else:
            names.append(each)
    if not names and not labels:
        raise argparse.ArgumentTypeError("it names no node; write LABEL=VALUE, an id or a host")
    return tuple(names), labels


def _named(name: str, live: Sequence[NodeInfo]) -> list[NodeInfo]:
    found = [node for node in live if name in (node.id, node.host, node.address)]
    if not found and len(name) >= LEAST:
        found = [node for node in live if node.id.startswith(name)]
        if len(found) > 1:
            fitting = ", ".join(node.id for node in found)
            raise InvalidRequestError(
                f"{name} is the beginning of {len(found)} node ids",
                remedy=f"Give more of the one that is meant: {fitting}",
            )
    if not found:
        known = ", ".join(names_of(live).values())
        raise NoNodesError(
            f"No live node is called {name}", remedy=f"Use one of these, or its id: {known}"
        )
    return found


def names_of(nodes: Sequence[NodeInfo]) -> dict[NodeId, str]:
    """What to call each node: its host, or the beginning of its id if the host is not unique.

    Example:
        >>> names_of([NodeInfo(NodeId("3f2a"), "10.0.0.1", host="gpu-1")])
        {'3f2a': 'gpu-1'}
    """
    hosts = Counter(node.host for node in nodes)
    return {
        node.id: node.host if node.host and hosts[node.host] == 1 else node.id[:SHORT]
        for node in nodes
    }
