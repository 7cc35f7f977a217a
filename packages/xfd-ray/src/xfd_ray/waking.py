"""Has Ray start the nodes' processes while the coordinator's own still starts.

A process of Ray takes a second or more to start and to import. The first call on a cluster would
wait for the coordinator's, and only then for those of the workers. So a driver that finds no
coordinator sends a task that does nothing to each node; when it is over, its process is free, and
the worker that the coordinator starts there gets it. Nothing depends on it: a node where the task
fails is one where the worker says why.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from xfd_api.errors import NoNodesError
from xfd_api.ids import NodeId
from xfd_ray.placement import NodeSelector, nodes_of_ray, select

WAKE_TIMEOUT_S = 10.0

Waking = Mapping[NodeId, Awaitable[object]]
"""By node: what is over once a process is there."""


def wake(selector: NodeSelector) -> dict[NodeId, Any]:
    """Sends the task to the nodes that are selected; an `ObjectRef` for each."""
    try:
        chosen = select(nodes_of_ray(ray.nodes()), selector)
    except NoNodesError:
        return {}
    task = ray.remote(num_cpus=0, max_retries=0)(_import_what_a_worker_needs)
    return {
        node.id: task.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False)
        ).remote()
        for node in chosen
    }


async def awake(node: NodeId, waking: Waking) -> None:
    """Returns when the node's process is there, or when it is not worth waiting any longer.

    A worker asked for before would get a process of its own, beside the one that is starting.
    """
    task = waking.get(node)
    if task is not None:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(task, WAKE_TIMEOUT_S)


def _import_what_a_worker_needs() -> None:
    from xfd_dataplane import Node  # noqa: F401
