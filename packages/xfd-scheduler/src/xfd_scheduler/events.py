"""What happened: the input of the scheduler."""

from __future__ import annotations

from dataclasses import dataclass

from xfd_api.chunks import Catalog
from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.node_report import NodeReport
from xfd_api.reports import Inventory


@dataclass(frozen=True, slots=True)
class NodeTraits:
    """What is known of a node before it has moved a byte.

    Attributes:
        zone: its availability zone or rack; empty if the swarm has none.
        down_bytes_per_s: what it can receive; None to estimate it.
        up_bytes_per_s: what it can send; None to estimate it.
    """

    zone: str = ""
    down_bytes_per_s: float | None = None
    up_bytes_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class CatalogGrew:
    """The swarm knows more objects and chunks, which no node wants yet."""

    catalog: Catalog


@dataclass(frozen=True, slots=True)
class NodeStarting:
    """A node was asked to join. Its first inventory says what it wants."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class NodeJoined:
    """A node joined that peers reach at `address` (`host:port`); it holds nothing so far."""

    node: NodeId
    address: str
    traits: NodeTraits = NodeTraits()


@dataclass(frozen=True, slots=True)
class InventoryTaken:
    """A node examined `objects` and wants what is missing of them from now on."""

    node: NodeId
    objects: tuple[ObjectIndex, ...]
    inventory: Inventory


@dataclass(frozen=True, slots=True)
class NodeLost:
    """A node is gone, with all that only it held."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class NodeSilent:
    """A node does not answer, and is not lost yet; nobody waits for it meanwhile."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class NodeHeard:
    """A silent node answers again."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Reported:
    """A node's report arrived."""

    node: NodeId
    report: NodeReport


@dataclass(frozen=True, slots=True)
class Released:
    """No lease wants these objects any more."""

    objects: tuple[ObjectIndex, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; to be sent at `Scheduler.next_wakeup()`."""


Event = (
    CatalogGrew
    | NodeStarting
    | NodeJoined
    | InventoryTaken
    | NodeLost
    | NodeSilent
    | NodeHeard
    | Reported
    | Released
    | Tick
)
