"""A driver's connection to the coordinator. The first driver starts it, and the workers too."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

import ray
from ray import exceptions as ray_errors

from xfd_api.errors import (
    CoordinatorLostError,
    InvalidRequestError,
    NoNodesError,
    VersionMismatchError,
    XfdError,
)
from xfd_ray.cluster.coordinator_registry import call, find_coordinator, start_coordinator
from xfd_ray.cluster.errors import coordinator_error
from xfd_ray.cluster.package_identity import interpreter_of, packages_of
from xfd_ray.cluster.raylet import current_runtime_env
from xfd_ray.cluster.spawn import start_worker
from xfd_ray.cluster.worker_client import RayWorkerClient
from xfd_ray.messages import LeaseRequest, LeaseState, LeaseStatus, worker_terms
from xfd_ray.placement import NodeInfo, nodes_of_ray
from xfd_ray.request_nodes import select_for


def start_workers(request: LeaseRequest) -> list[tuple[NodeInfo, RayWorkerClient]]:
    """Starts a worker on each node that gets something of the request; returns their clients.

    If it selects none, nothing is started: the coordinator then explains what is wrong.
    """
    terms = worker_terms(request.own_terms, request.limits)
    try:
        nodes = select_for(nodes_of_ray(ray.nodes()), request.selector, request.lookups)
    except NoNodesError:
        return []
    return [(node, RayWorkerClient(node.id, start_worker(node, terms))) for node in nodes]


def wait_by_future(ref: Any, timeout_s: float) -> Any:
    """As `ray.get`, which warns that it blocks wherever an asynchronous actor calls it."""
    try:
        return ref.future().result(timeout_s)
    except FutureTimeoutError as error:
        raise ray_errors.GetTimeoutError(f"No answer within {timeout_s:g} s") from error


def _wait(ref: Any, timeout_s: float) -> Any:
    return ray.get(ref, timeout=timeout_s)


class CoordinatorClient:
    """The `CoordinatorApi` of the cluster's coordinator.

    Another driver with other packages of xfd may have started that. If they do not fit, this driver
    turns to a coordinator of its own, once.

    Args:
        wait: returns the value of a Ray reference, or raises `GetTimeoutError` after some seconds.
    """

    def __init__(self, wait: Callable[[Any, float], Any] = _wait) -> None:
        self._wait = wait
        self._handle: Any = None
        self._is_own = False
        self._is_shared = False
        self._is_node_refused = False
        self._is_starting = False
        self._started: list[tuple[NodeInfo, RayWorkerClient]] = []

    def connect(self, request: LeaseRequest) -> None:
        """Finds the coordinator, or starts one.

        The workers for this request start together with a new coordinator, so that both come up at
        the same time.
        """
        # A call after ray.shutdown would silently start another cluster.
        if not ray.is_initialized():
            raise InvalidRequestError("Ray was shut down", remedy="Keep it up until the end")
        try:
            runtime_env = current_runtime_env()
            packages = (
                packages_of(runtime_env, request.versions)
                if self._is_own
                else interpreter_of(runtime_env)
            )
            self._handle = find_coordinator(packages)
            self._is_shared = self._handle is not None and not self._is_own
            if self._handle is None:
                self._is_starting = True
                self._handle = start_coordinator(packages, or_elsewhere=self._is_node_refused)
                self._started = start_workers(request)
        except (ray_errors.RayError, ImportError) as error:
            raise coordinator_error(error, 0.0, self._where()) from error

    def attach(self, request: LeaseRequest, timeout_s: float) -> LeaseStatus:
        """See `Coordinator.attach`."""
        started, self._started = self._started, []
        try:
            status: LeaseStatus = self._call("attach", timeout_s, request, started)
        except VersionMismatchError:
            if not self._is_shared:
                raise
            return self._switch_to_own()
        return status

    def watch(self, lease_id: str, wait_s: float, timeout_s: float) -> LeaseStatus:
        """See `Coordinator.watch`."""
        status: LeaseStatus = self._call("watch", timeout_s, lease_id, wait_s)
        if isinstance(status.error, VersionMismatchError) and self._is_shared:
            self.detach(lease_id, timeout_s)
            return self._switch_to_own()
        return status

    def renew(self, lease_id: str, timeout_s: float) -> LeaseState:
        """See `Coordinator.renew`."""
        state: LeaseState = self._call("renew", timeout_s, lease_id)
        return state

    def detach(self, lease_id: str, timeout_s: float) -> None:
        """See `Coordinator.detach`."""
        self._call("detach", timeout_s, lease_id)

    def _switch_to_own(self) -> LeaseStatus:
        """Lets the next `connect` go to a coordinator of these packages; until then, no lease."""
        self._is_own, self._is_shared = True, False
        return LeaseStatus(LeaseState.UNKNOWN)

    def _where(self) -> str | None:
        """The node of the coordinator, if this driver started it: its own."""
        return ray.get_runtime_context().get_node_id() if self._is_starting else None

    def _call(self, method: str, timeout_s: float, *args: Any) -> Any:
        if self._handle is None or not ray.is_initialized():
            raise CoordinatorLostError("There is no connection to the coordinator")
        try:
            return self._wait(call(self._handle, method, *args), timeout_s)
        except (ray_errors.RayError, XfdError) as error:
            if isinstance(error, ray_errors.ActorUnschedulableError):
                self._is_node_refused = True
            raise coordinator_error(error, timeout_s, self._where()) from error
