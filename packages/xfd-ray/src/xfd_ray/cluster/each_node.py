"""Calls a function on each node, in a Ray task that takes no CPU."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import ray
from ray import exceptions as ray_errors
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from xfd_api.errors import NodeUnavailableError, XfdError
from xfd_api.ids import NodeId
from xfd_api.node_selector import Nodes, as_selector
from xfd_ray.cluster.errors import task_error
from xfd_ray.cluster.raylet import (
    environment_of_raylet,
    give,
    given_variables,
    inherited_variables,
)
from xfd_ray.environment import SETUP_HOOK, Environment, apply_environment
from xfd_ray.placement import NodeInfo, nodes_of_ray, select

Answer = TypeVar("Answer")

ANSWER_TIMEOUT_S = 60.0
"""Time for a node to start a process and to answer, in seconds. A process takes one to start, and
more on a busy node."""


def live_nodes(nodes: Nodes = None) -> tuple[NodeInfo, ...]:
    """The live nodes of the cluster that are selected, in the order of their ids.

    Raises:
        NoNodesError: there are none.
    """
    return select(nodes_of_ray(ray.nodes()), as_selector(nodes))


def on_each_node(
    function: Callable[..., Answer],
    *args: Any,
    nodes: Nodes | Sequence[NodeInfo] = None,
    timeout_s: float | None = ANSWER_TIMEOUT_S,
) -> dict[NodeId, Answer | XfdError]:
    """Calls a function on each node at once, and returns what each one returned or raised.

    It runs in the environment that the driver's own tasks have: `xfd_api.local_path` says where
    files lie there. It does not wait for a setup hook of the driver. One node's failure does not
    affect the others.

    Args:
        function: a function of a module that the nodes have; a local function travels by value.
        args: its arguments, the same on each node.
        nodes: see `xfd_ray.download_distributed`; or nodes that were looked up before, of which
            those that were lost since have an error of their own.
        timeout_s: longest time for all answers, in seconds; None for no limit. A node that takes
            longer has a `NodeUnavailableError`, and its task is ended.

    Returns:
        By Ray node id, in the order of the ids: what the function returned, or why it did not. A
        node without xfd has a `VersionMismatchError`, and one that was lost a `NodeLostError`.

    Raises:
        NoNodesError: no node is selected.

    Example:
        >>> import ray
        >>> from xfd_api import root
        >>> from xfd_ray.cluster.each_node import on_each_node
        >>> {type(found).__name__ for found in on_each_node(root).values()}
        {'PosixPath'}
    """
    until = None if timeout_s is None else time.monotonic() + timeout_s
    task: Any = ray.remote(function)
    if given := given_variables():
        task, args = ray.remote(_with_variables), (given, function, *args)
    hook = {"runtime_env": {"env_vars": {SETUP_HOOK: ""}}} if _has_hook() else {}
    refs = {
        node.id: task.options(max_retries=0, **hook, **pinned_to(node)).remote(*args)
        for node in _looked_up(nodes)
    }
    return {node: _answer(node, ref, until, timeout_s) for node, ref in refs.items()}


def _with_variables(
    given: Mapping[str, str], function: Callable[..., Answer], *args: Any
) -> Answer:
    """Calls the function on a node in the environment of a driver that was given variables."""
    give(given)
    environment = Environment.of(inherited_variables())
    apply_environment(environment, inherited_variables(), environment_of_raylet())
    return function(*args)


def _has_hook() -> bool:
    return SETUP_HOOK in inherited_variables()


def _looked_up(nodes: Nodes | Sequence[NodeInfo]) -> Sequence[NodeInfo]:
    if isinstance(nodes, Sequence) and nodes:
        known = [node for node in nodes if isinstance(node, NodeInfo)]
        if len(known) == len(nodes):
            return known
    return live_nodes(cast("Nodes", nodes))


def pinned_to(node: NodeInfo) -> dict[str, Any]:
    """Options of a task or an actor that runs on this node, or nowhere, and takes no CPU."""
    return {
        "num_cpus": 0,
        "scheduling_strategy": NodeAffinitySchedulingStrategy(node.id, soft=False),
    }


def _answer(node: NodeId, ref: Any, until: float | None, timeout_s: float | None) -> Any | XfdError:
    left_s = None if until is None else max(0.0, until - time.monotonic())
    try:
        return ray.get(ref, timeout=left_s)
    except ray_errors.GetTimeoutError:
        with contextlib.suppress(ray_errors.RayError):
            ray.cancel(ref, force=True)
        return NodeUnavailableError(f"It did not answer within {timeout_s:g} s", node=node)
    except (ray_errors.RayError, XfdError) as error:
        return task_error(error, node)
