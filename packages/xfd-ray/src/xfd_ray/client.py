"""A driver's side of a lease: attaches, renews, starts a lost coordinator again, gives back."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import ray
from ray import exceptions as ray_errors

from xfd_api.errors import CoordinatorLostError, DeadlineExceededError, XfdError
from xfd_api.reports import DistributionReport, Progress
from xfd_ray.actors import coordinator_actor, unwrapped
from xfd_ray.terms import RENEW_EVERY_S, LeaseRequest, LeaseState, LeaseStatus

COORDINATOR_STARTS = 5
START_AGAIN_S = 0.5
CALL_TIMEOUT_S = 120.0


class LeaseClient:
    """One lease, from `run` to `close`.

    Args:
        request: what is wanted.
        connect: finds the coordinator, or starts it.
    """

    def __init__(
        self, request: LeaseRequest, connect: Callable[[], Any] = coordinator_actor
    ) -> None:
        self._request = request
        self._connect = connect
        self._coordinator: Any = None
        self._starts = 0
        self._renewing: threading.Thread | None = None
        self._closed = threading.Event()

    def run(
        self,
        *,
        deadline_s: float | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> DistributionReport:
        """Waits until the lease is done.

        Raises:
            DeadlineExceededError: it took longer than `deadline_s`.
            CoordinatorLostError: the coordinator was lost again and again.
            XfdError: why it failed.
        """
        began = time.monotonic()
        status = self._reach()
        while True:
            if on_progress is not None and status.progress is not None:
                on_progress(status.progress)
            if status.state is LeaseState.DONE and status.report is not None:
                return status.report
            if status.error is not None:
                raise status.error
            left = None if deadline_s is None else deadline_s - (time.monotonic() - began)
            if left is not None and left <= 0:
                raise DeadlineExceededError(f"The distribution was not over after {deadline_s} s")
            wait = RENEW_EVERY_S if left is None else min(RENEW_EVERY_S, max(left, 0.01))
            if on_progress is not None:
                wait = min(wait, 0.25)
            status = self._watch(wait)

    def hold(self) -> None:
        """Renews the lease from a thread, until it is closed."""
        if self._renewing is None:
            self._renewing = threading.Thread(
                target=self._renew_forever, name="xfd-lease", daemon=True
            )
            self._renewing.start()

    def close(self) -> None:
        """Gives the lease back. Raises nothing: a lease that is not given back expires."""
        self._closed.set()
        if self._renewing is not None:
            self._renewing.join(CALL_TIMEOUT_S)
        if self._coordinator is None or not ray.is_initialized():
            return
        with contextlib.suppress(ray_errors.RayError, XfdError):
            ray.get(self._coordinator.detach.remote(self._request.id), timeout=CALL_TIMEOUT_S)

    def _renew_forever(self) -> None:
        while not self._closed.wait(RENEW_EVERY_S):
            try:
                self._watch(0.0)
            except XfdError:
                # Nobody can be told here; what has landed stays, and late nodes go without.
                return

    def _watch(self, wait_s: float) -> LeaseStatus:
        try:
            status = self._get(self._coordinator.watch.remote(self._request.id, wait_s))
        except (ray_errors.RayError, XfdError) as error:
            self._note_loss(error)
            return self._reach()
        if status.state is LeaseState.UNKNOWN:
            return self._reach()
        return status

    def _reach(self) -> LeaseStatus:
        """Attaches; a coordinator that is gone, or about to go, is started again."""
        while True:
            try:
                self._coordinator = self._connect()
                status = self._get(self._coordinator.attach.remote(self._request))
            except (ray_errors.RayError, XfdError) as error:
                self._note_loss(error)
            else:
                if status.state is not LeaseState.UNKNOWN:
                    return status
                self._note_loss(CoordinatorLostError("The coordinator is ending"))
            time.sleep(START_AGAIN_S)

    def _note_loss(self, error: BaseException) -> None:
        """Counts a loss of the coordinator.

        Raises:
            XfdError: it was no loss, or one too many.
        """
        told = unwrapped(error)
        is_loss = isinstance(error, ray_errors.RayActorError | ray_errors.GetTimeoutError)
        if isinstance(told, XfdError) and not is_loss and not _is_loss(told):
            raise told from error
        self._starts += 1
        if self._starts > COORDINATOR_STARTS:
            raise CoordinatorLostError(f"The coordinator was lost {self._starts} times") from error

    @staticmethod
    def _get(ref: Any) -> LeaseStatus:
        status: LeaseStatus = ray.get(ref, timeout=CALL_TIMEOUT_S)
        return status


def _is_loss(error: XfdError) -> bool:
    return isinstance(error, CoordinatorLostError)
