"""A driver's side of a lease: attach, renew, restart a lost coordinator, give back."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import replace
from typing import Protocol

from xfd_api.errors import CoordinatorLostError, DeadlineExceededError, XfdError
from xfd_api.progress import Progress, finding
from xfd_api.results import DistributionReport
from xfd_ray.messages import RENEW_EVERY_S, LeaseRequest, LeaseState, LeaseStatus

MAX_LOSSES = 5
"""How many losses of the coordinator a call survives, unless `STEADY_S` lies between two."""

STEADY_S = 60.0
"""Losses before a coordinator that answered for this long do not count."""

MAX_ENDINGS = 60
"""How often a coordinator that is ending is asked again: it ends its workers first."""

START_AGAIN_S = 0.5
"""The pause before the next attempt to reach a coordinator."""

PROGRESS_EVERY_S = 0.25
"""How often `on_progress` is called; on a large cluster less often, see the next figure."""

PROGRESS_S_PER_NODE = 0.00025
"""The coordinator looks at each node for a progress, which takes 4 microseconds. So progress of
2,000 nodes takes it 2 % of a core for each driver."""

CALL_TIMEOUT_S = 120.0
"""A coordinator that does not answer a call within this time counts as lost."""

DETACH_TIMEOUT_S = 30.0
"""The same for giving a lease back, which expires anyway."""

LOG_WAIT_S = 5.0
"""How long a lease waits for another call before the driver's log says so."""

LAST_CALL_S = 1.0
"""The time to give a lease back once its deadline is over, in seconds."""


class CoordinatorApi(Protocol):
    """The coordinator as a driver calls it.

    A call raises `CoordinatorLostError` if the coordinator is gone or did not answer in time, and
    otherwise what the coordinator raised.
    """

    def connect(self, request: LeaseRequest) -> None:
        """Finds the coordinator, or starts one for this request. The other calls go to it."""
        ...

    def attach(self, request: LeaseRequest, timeout_s: float) -> LeaseStatus:
        """See `Coordinator.attach`."""
        ...

    def watch(self, lease_id: str, wait_s: float, timeout_s: float) -> LeaseStatus:
        """See `Coordinator.watch`."""
        ...

    def renew(self, lease_id: str, timeout_s: float) -> LeaseState:
        """See `Coordinator.renew`."""
        ...

    def detach(self, lease_id: str, timeout_s: float) -> None:
        """See `Coordinator.detach`."""
        ...


class LeaseClient:
    """One lease, from `run` to `close`.

    Args:
        request: what is wanted.
        coordinator: grants it.
        clock: seconds that never go back.
        sleep: waits a number of seconds.
    """

    def __init__(
        self,
        request: LeaseRequest,
        coordinator: CoordinatorApi,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._request = request
        self._coordinator = coordinator
        self._clock = clock
        self._sleep = sleep
        self._began = clock()
        self._deadline_s: float | None = None
        self._has_asked = False
        self._attached_at: float | None = None
        self._is_held = False
        self._losses = 0
        self._lost_at = 0.0
        self._endings = 0
        self._status: LeaseStatus | None = None
        self._waits_since: float | None = None
        self._wait_logged: str | None = None
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
            CancelledError: another thread has closed the lease.
            XfdError: why it failed.
        """
        self._began = self._clock()
        self._deadline_s = deadline_s
        status = self._attach()
        if on_progress is not None:
            # The caller's function may take longer than a lease lives without being renewed.
            self._renew_meanwhile()
        while True:
            if self._closed.is_set():
                raise CancelledError("The lease was given back")
            self._status = status
            self._log_wait(status.waits_for)
            if on_progress is not None:
                if status.progress is not None:
                    on_progress(status.progress)
                elif status.waits_for is not None:
                    elapsed_s = self._clock() - self._began
                    on_progress(finding(elapsed_s, waits_for=status.waits_for))
            if status.state is LeaseState.DONE and status.report is not None:
                return status.report
            if status.error is not None:
                raise status.error
            self._check_deadline()
            wait_s = RENEW_EVERY_S if on_progress is None else _progress_every_s(status)
            status = self._watch(self._at_most(wait_s))

    def hold(self) -> None:
        """Renews the lease from a thread until it is closed. Its deadline is met by now."""
        self._deadline_s = None
        self._is_held = True
        self._renew_meanwhile()

    def cancel(self) -> None:
        """Ends a `run` of another thread at its next answer, at most `RENEW_EVERY_S` from now."""
        self._closed.set()

    def close(self) -> None:
        """Gives the lease back. Raises nothing: a lease that is not given back expires."""
        self._closed.set()
        timeout_s = max(self._at_most(DETACH_TIMEOUT_S), LAST_CALL_S)
        if self._renewing is not None:
            self._renewing.join(timeout_s)
        if self._has_asked:
            with contextlib.suppress(XfdError):
                self._coordinator.detach(self._request.id, timeout_s)

    def _log_wait(self, waits_for: str | None) -> None:
        """Logs once that the lease waits, and what for, when it has waited for some time."""
        if waits_for is None:
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = self._clock()
        elif waits_for != self._wait_logged and self._clock() - self._waits_since >= LOG_WAIT_S:
            self._wait_logged = waits_for
            logging.getLogger("xfd_ray").warning("The distribution waits for %s", waits_for)

    def _renew_meanwhile(self) -> None:
        if self._renewing is None:
            self._renewing = threading.Thread(
                target=self._renew_forever, name="xfd-lease", daemon=True
            )
            self._renewing.start()

    def _renew_forever(self) -> None:
        while not self._closed.wait(RENEW_EVERY_S):
            try:
                if self._is_held:
                    self._renew()
                else:  # `run` handles losses.
                    self._coordinator.renew(self._request.id, self._at_most(CALL_TIMEOUT_S))
            except XfdError:
                if self._is_held:
                    # Nothing can be raised here. Landed files stay; late nodes get none.
                    return

    def _renew(self) -> None:
        """Renews the lease, or attaches again."""
        try:
            state = self._coordinator.renew(self._request.id, self._at_most(CALL_TIMEOUT_S))
        except CoordinatorLostError as error:
            self._count_loss(error)
            state = LeaseState.UNKNOWN
        if state is not LeaseState.UNKNOWN:
            self._forget_losses()
        elif not self._closed.is_set():
            self._attach()

    def _watch(self, wait_s: float) -> LeaseStatus:
        try:
            timeout_s = self._at_most(CALL_TIMEOUT_S)
            status = self._coordinator.watch(self._request.id, wait_s, timeout_s)
        except CoordinatorLostError as error:
            self._count_loss(error)
            return self._attach()
        if status.state is LeaseState.UNKNOWN and not self._closed.is_set():
            return self._attach()
        return self._accept(status)

    def _attach(self) -> LeaseStatus:
        """Attaches; starts the coordinator again if it is gone or ending."""
        while True:
            try:
                self._coordinator.connect(self._request)
                self._has_asked = True
                running_s = 0.0 if self._attached_at is None else self._clock() - self._attached_at
                request = replace(self._request, running_s=running_s)
                status = self._coordinator.attach(request, self._at_most(CALL_TIMEOUT_S))
            except CoordinatorLostError as error:
                self._count_loss(error)
            else:
                if status.state is not LeaseState.UNKNOWN:
                    if self._attached_at is None:
                        self._attached_at = self._clock()
                    return self._accept(status)
                self._count_ending()
            self._sleep(self._at_most(START_AGAIN_S))

    def _accept(self, status: LeaseStatus) -> LeaseStatus:
        self._forget_losses()
        return status

    def _forget_losses(self) -> None:
        """The coordinator has answered."""
        self._endings = 0
        if self._clock() - self._lost_at >= STEADY_S:
            self._losses = 0

    def _count_loss(self, error: CoordinatorLostError) -> None:
        """Counts a loss of the coordinator.

        Raises:
            DeadlineExceededError: the call had no more time.
            CoordinatorLostError: this loss is one too many, or the lease was closed meanwhile.
        """
        self._check_deadline()
        self._losses += 1
        self._lost_at = self._clock()
        if self._losses > MAX_LOSSES:
            raise CoordinatorLostError(
                f"The coordinator was lost {self._losses} times. Last: {error.what}"
            ) from error
        if self._closed.is_set():
            raise error

    def _count_ending(self) -> None:
        """Counts an answer of a coordinator that is ending.

        Raises:
            DeadlineExceededError, CoordinatorLostError: as for a loss.
        """
        self._check_deadline()
        self._endings += 1
        if self._endings > MAX_ENDINGS or self._closed.is_set():
            raise CoordinatorLostError(
                f"The coordinator is ending, and was still there after {self._endings} tries"
            )

    def _check_deadline(self) -> None:
        if self._deadline_s is None or self._clock() - self._began < self._deadline_s:
            return
        raise DeadlineExceededError(
            f"The distribution was not over after {self._deadline_s:g} s: "
            f"{_progress_text(self._status)}"
        )

    def _at_most(self, seconds: float) -> float:
        """These seconds, or what is left until the deadline."""
        if self._deadline_s is None:
            return seconds
        return min(seconds, max(0.0, self._deadline_s - (self._clock() - self._began)))


def _progress_every_s(status: LeaseStatus) -> float:
    nodes = 0 if status.progress is None else status.progress.nodes
    return max(PROGRESS_EVERY_S, min(PROGRESS_S_PER_NODE * nodes, RENEW_EVERY_S))


def _progress_text(status: LeaseStatus | None) -> str:
    if status is None:
        return "the coordinator had not answered"
    now = status.progress
    parts = [] if status.waits_for is None else [f"it waited for {status.waits_for}"]
    if now is not None:
        parts.append(
            f"{now.nodes_done} of {now.nodes} nodes were done, with {now.done_bytes} of "
            f"{now.total_bytes} bytes"
        )
        parts += now.stalls
    return "; ".join(parts) or "the objects were still being looked for"
