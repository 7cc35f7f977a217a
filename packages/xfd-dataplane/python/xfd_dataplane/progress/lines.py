"""Prints progress as lines, for logs and jobs, where no bar can be drawn.

There is a line at each phase, and at least one every ten seconds, also while nothing moves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from xfd_api.progress import PHASES, Phase, Progress
from xfd_dataplane.progress.outlet import to_stderr
from xfd_dataplane.progress.words import line_of

EVERY_S = 10.0


class ProgressLines:
    """A context manager; call it with each `Progress`.

    Args:
        write: called with each line; None writes it to standard error.
        every_s: longest time without a line, in seconds.
        silent_s: seconds at the start without lines, so that short runs print none.
    """

    def __init__(
        self,
        write: Callable[[str], None] | None = None,
        *,
        every_s: float = EVERY_S,
        silent_s: float = 0.0,
    ) -> None:
        self._write = write or to_stderr
        self._every_s = every_s
        self._silent_until = time.monotonic() + silent_s
        self._lock = threading.Lock()
        self._now: Progress | None = None
        self._seen_at = time.monotonic()
        self._latest = -1
        self._printed_at = time.monotonic()
        self._ended = threading.Event()
        self._timer = threading.Thread(target=self._print_on_time, name="xfd-progress", daemon=True)

    def __enter__(self) -> ProgressLines:
        with self._lock:
            self._print()
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._timer.join()

    def __call__(self, now: Progress) -> None:
        """Prints a line if a later phase has begun."""
        with self._lock:
            self._now, self._seen_at = now, time.monotonic()
            if PHASES.index(now.phase) > self._latest:
                self._print()

    def _print_on_time(self) -> None:
        while not self._ended.wait(max(self._printed_at + self._every_s - time.monotonic(), 0.05)):
            with self._lock:
                if time.monotonic() - self._printed_at >= self._every_s:
                    self._print()

    def _print(self) -> None:
        at = time.monotonic()
        phase: Phase = "finding" if self._now is None else self._now.phase
        self._latest = max(self._latest, PHASES.index(phase))
        self._printed_at = at
        if at >= self._silent_until:
            self._write(f"xfd: {line_of(self._now, at - self._seen_at)}")
