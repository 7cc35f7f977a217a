"""What the coordinator asks of a worker, and how it calls one. Every process loads this: it
imports little.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from xfd_api.chunks import Catalog, FoundObject
from xfd_api.ids import NodeId, SwarmId
from xfd_api.lookups import Lookup
from xfd_api.node_report import NodeReport
from xfd_api.orders import Order
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.reports import Inventory
from xfd_api.settings import NodeSettings, SwarmTicket
from xfd_api.wire_format import decode_orders, encode_orders
from xfd_ray.coordinator_status import DiskRoom
from xfd_ray.environment import Environment
from xfd_ray.metrics.choice import MetricsChoice

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer", covariant=True)


class Unavailable(Exception):
    """A call got no answer. Nobody knows whether it arrived; the node may be well."""


@dataclass(frozen=True, slots=True)
class Hello:
    """How a worker introduces itself.

    Attributes:
        peer_address: of its peer server, `host:port`.
        metrics_address: of its own Prometheus endpoint, `host:port`; empty if it has none.
        root: folder of its relative destinations.
    """

    node: NodeId
    peer_address: str
    metrics_address: str
    root: str
    pid: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call of the long poll.

    Attributes:
        number: counted from 1; a repeated call has the number of the first.
        ack: the last report that arrived.
        again: send again what was not acknowledged.
        max_wait_s: answer after this many seconds at the latest.
    """

    number: int
    orders: tuple[Order, ...]
    ack: int
    again: bool = False
    max_wait_s: float = 2.0

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        rest = (self.ack, self.again, self.max_wait_s)
        return _exchange, (self.number, encode_orders(self.orders), *rest)


def _exchange(number: int, orders: list[Any], ack: int, again: bool, max_wait_s: float) -> Exchange:
    return Exchange(number, decode_orders(orders), ack, again, max_wait_s)


class WorkerApi(Protocol):
    """The methods of a worker that the coordinator calls; `NodeWorker` has them."""

    async def versions(self) -> dict[str, str | None]:
        """The versions of the xfd packages there."""
        ...

    async def hello(self, environment: Environment, metrics: MetricsChoice) -> Hello:
        """Starts the worker's servers, at the first call; more outlets of metrics at others."""
        ...

    async def disk_room(self) -> DiskRoom:
        """The room that its root has."""
        ...

    async def reconfigure(self, settings: NodeSettings) -> None:
        """Changes what a running worker can change."""
        ...

    async def find_objects(
        self, lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile
    ) -> list[Sequence[FoundObject]]:
        """Asks the stores, from the worker's node; the answers are `Rows`."""
        ...

    async def join(self, ticket: SwarmTicket) -> None:
        """Enters a swarm."""
        ...

    async def extend(
        self, swarm: SwarmId, catalog: Catalog, stores: ObjectStoreConfigByProfile
    ) -> Inventory:
        """Adds a part of the catalog, and says what of it the node has."""
        ...

    async def exchange(self, swarm: SwarmId, call: Exchange) -> NodeReport:
        """Hands orders in and a report out."""
        ...

    async def leave(self, swarm: SwarmId) -> None:
        """Leaves a swarm."""
        ...

    async def close(self) -> None:
        """Stops what runs in the worker."""
        ...


class WorkerClient(Protocol):
    """One worker, as the coordinator reaches it.

    Example:
        `await client.call(WorkerApi.join, ticket)`
    """

    async def call(
        self,
        method: Callable[Concatenate[WorkerApi, Arguments], Awaitable[Answer]],
        *args: Arguments.args,
        **options: Arguments.kwargs,
    ) -> Answer:
        """Calls a method of the worker.

        Raises:
            NodeLostError: the worker's process is gone.
            Unavailable: `exchange` got no answer, and may be repeated.
            XfdError: what the method raised, with the node filled in.
        """
        ...

    async def follow(self) -> None:
        """Makes the worker end when the coordinator does."""
        ...
