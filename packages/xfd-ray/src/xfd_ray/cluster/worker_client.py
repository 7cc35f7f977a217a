"""A worker as the coordinator calls it by Ray."""

from __future__ import annotations

import pickle
import weakref
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, cast

import ray
from ray import exceptions as ray_errors

from xfd_api.chunks import Catalog
from xfd_api.errors import NodeLostError, XfdError
from xfd_api.ids import NodeId
from xfd_ray.cluster.errors import worker_error
from xfd_ray.worker_api import Answer, Arguments, Unavailable, WorkerApi

EXCHANGE = "exchange_packed"

REPEATABLE = frozenset({EXCHANGE})
"""Methods that may be called again if nobody knows whether the first call arrived."""


class RayWorkerClient:
    """A `WorkerClient` whose worker is a `NodeWorkerActor`."""

    def __init__(self, node: NodeId, handle: Any) -> None:
        self.node = node
        self.handle = handle

    async def call(
        self,
        method: Callable[Concatenate[WorkerApi, Arguments], Awaitable[Answer]],
        *args: Arguments.args,
        **options: Arguments.kwargs,
    ) -> Answer:
        """See `WorkerClient.call`."""
        if method.__name__ == WorkerApi.exchange.__name__:
            # Ray hands bytes on as they are, and takes a tenth of a millisecond for an object.
            packed = await self._call(EXCHANGE, pickle.dumps(args))
            report = pickle.loads(packed)  # noqa: S301 (pickled by our worker)
            return cast("Answer", report)
        shipped = [_shipped(arg) if isinstance(arg, Catalog) else arg for arg in args]
        return cast("Answer", await self._call(method.__name__, *shipped, **options))

    async def follow(self) -> None:
        """Makes the worker end with the actor that this is called in."""
        await self._call("follow", ray.get_runtime_context().current_actor)

    async def _call(self, method: str, *args: Any, **options: Any) -> Any:
        try:
            return await getattr(self.handle, method).remote(*args, **options)
        except (ray_errors.RayError, XfdError) as error:
            converted = worker_error(error, self.node)
            if isinstance(converted, Unavailable) and method not in REPEATABLE:
                converted = NodeLostError("Its worker cannot be reached", node=self.node)
            raise converted from error


_shipments: dict[int, Any] = {}
"""References to catalogs, by the catalogs' ids, as long as these live."""


def _shipped(catalog: Catalog) -> Any:
    """A reference to the catalog in Ray's object store, put there once for all nodes."""
    key = id(catalog)
    if key not in _shipments:
        _shipments[key] = ray.put(catalog)
        weakref.finalize(catalog, _shipments.pop, key, None).atexit = False
    return _shipments[key]
