"""Ends a blocking call at its deadline, by cancellation, or by Ctrl-C."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from xfd_api.errors import DeadlineExceededError, DownloadCancelledError

T = TypeVar("T")

SLICE_S = 0.1
"""Longest wait in seconds between two checks."""


class Cancellation(Protocol):
    """Stops a download from another thread, for example a `threading.Event`."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...


class CallLimits:
    """The deadline and the cancellation of one call.

    Args:
        deadline_s: longest time for the call, in seconds; None for no limit.
        cancel: ends the call once it is set.

    Attributes:
        meanwhile: called several times a second while `run` waits.
    """

    def __init__(self, deadline_s: float | None, cancel: Cancellation | None) -> None:
        self.started = time.monotonic()
        self._deadline_s = deadline_s
        self._cancel = cancel
        self.meanwhile: Callable[[], None] | None = None

    def elapsed(self) -> float:
        """Seconds since the call began."""
        return time.monotonic() - self.started

    def check(self) -> None:
        """Raises an error if the call has to end.

        Raises:
            DownloadCancelledError: the caller cancelled it.
            DeadlineExceededError: the deadline is over.
        """
        if self._cancel is not None and self._cancel.is_set():
            raise DownloadCancelledError("The download was stopped")
        if self._deadline_s is not None and self.elapsed() > self._deadline_s:
            raise DeadlineExceededError(f"The download was not over within {self._deadline_s:g} s")

    def run(self, work: Callable[[], T]) -> T:
        """Runs blocking work in a thread, and returns its result.

        When `check` raises, the work is left to end in its thread.
        """
        self.check()
        results: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

        def do() -> None:
            try:
                results.put((work(), None))
            except BaseException as error:
                results.put((None, error))

        threading.Thread(target=do, name="xfd-work", daemon=True).start()
        while True:
            try:
                result, error = results.get(timeout=SLICE_S)
            except queue.Empty:
                self.check()
                if self.meanwhile is not None:
                    self.meanwhile()
                continue
            if error is not None:
                raise error
            return result  # type: ignore[return-value]
