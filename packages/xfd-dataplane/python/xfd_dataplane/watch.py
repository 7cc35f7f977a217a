"""Waiting for blocking work while a deadline, a cancellation and Ctrl-C are heeded."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from xfd_api.errors import DeadlineExceededError, DownloadCancelledError

T = TypeVar("T")

SLICE_S = 0.1


class Cancellation(Protocol):
    """What stops a download from another thread; a `threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...


class Watch:
    """When one call has to end, by itself or because it was told to."""

    def __init__(self, deadline_s: float | None, cancel: Cancellation | None) -> None:
        self.started = time.monotonic()
        self._deadline_s = deadline_s
        self._cancel = cancel

    def elapsed(self) -> float:
        """Seconds since the call began."""
        return time.monotonic() - self.started

    def check(self) -> None:
        """Raises where the call has to end.

        Raises:
            DownloadCancelledError: the caller said so.
            DeadlineExceededError: the time is over.
        """
        if self._cancel is not None and self._cancel.is_set():
            raise DownloadCancelledError("The download was stopped")
        if self._deadline_s is not None and self.elapsed() > self._deadline_s:
            raise DeadlineExceededError(f"The download was not over within {self._deadline_s:g} s")

    def run(self, work: Callable[[], T]) -> T:
        """The result of blocking work, or an exception of `check` as soon as there is one.

        The work is left to end by itself in its thread then.
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
                continue
            if error is not None:
                raise error
            return result  # type: ignore[return-value]
