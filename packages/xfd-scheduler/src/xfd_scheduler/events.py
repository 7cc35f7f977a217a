"""What the scheduler is told."""

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
        zone: its availability zone or rack; empty where zones play no part.
        down_bytes_per_s: what it can receive; None to be measured.
        up_bytes_per_s: what it can send; None to be measured.
    """

    zone: str = ""
    down_bytes_per_s: float | None = None
    up_bytes_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class CatalogGrew:
    """The swarm knows more objects and chunks; nobody wants them yet."""

    catalog: Catalog


@dataclass(frozen=True, slots=True)
class NodeStarting:
    """A node was asked to join. What it wants is known with its first inventory."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class NodeJoined:
    """A node is there, reachable for its peers at `address` (`host:port`), and holds nothing."""

    node: NodeId
    address: str
    traits: NodeTraits = NodeTraits()


@dataclass(frozen=True, slots=True)
class InventoryTaken:
    """A node has taken stock of `objects` and wants what is missing of them from now on."""

    node: NodeId
    objects: tuple[ObjectIndex, ...]
    inventory: Inventory


@dataclass(frozen=True, slots=True)
class NodeLost:
    """A node is gone, with all that only it held."""

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
    """Time has passed; sent at `next_wakeup()`."""


Event = (
    CatalogGrew | NodeStarting | NodeJoined | InventoryTaken | NodeLost | Reported | Released | Tick
)
