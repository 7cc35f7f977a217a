"""Prints progress as lines, for logs, notebooks and jobs, where no bar can be drawn.

There is a line at each phase (finding, fetching, landing, done), and at least one every ten
seconds, also while nothing moves. The text of a line is pure; `ProgressLines` keeps the time.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType

from xfd_api.progress import Progress
from xfd_api.sanitize import sanitized

EVERY_S = 10.0

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def human(size: float) -> str:
    """Bytes in the largest unit that leaves at least one."""
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def phase_of(now: Progress | None) -> str:
    """The phase: `finding`, `fetching`, `landing` (sync, rename, unpack) or `done`."""
    if now is None:
        return "finding"
    if now.objects_done >= now.objects and now.nodes_done >= now.nodes:
        return "done"
    return "landing" if now.done_bytes >= now.total_bytes else "fetching"


def line_of(now: Progress | None, rate: float | None) -> str:
    """The text of one line; `rate` is in bytes per second, None if it is not known."""
    phase = phase_of(now)
    if now is None:
        return "looking for objects"
    parts = [f"{phase}: {human(now.done_bytes)} of {human(now.total_bytes)}"]
    if now.total_bytes:
        parts[0] += f" ({100 * now.done_bytes // now.total_bytes} %)"
    if phase == "fetching" and rate is not None:
        parts.append(f"{human(rate)}/s")
        if rate > 0:
            parts.append(f"about {(now.total_bytes - now.done_bytes) / rate:.0f} s left")
    parts.append(f"{now.objects_done} of {now.objects} objects")
    if now.nodes > 1:
        parts.append(f"{now.nodes_done} of {now.nodes} nodes done")
    if now.waits_for is not None:
        parts.append(f"waiting for {now.waits_for}")
    return ", ".join(parts)


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
        self._phase = ""
        self._printed_at = time.monotonic()
        self._bytes_at_last_line = 0
        self._ended = threading.Event()
        self._timer = threading.Thread(target=self._print_on_time, name="xfd-progress", daemon=True)

    def __enter__(self) -> ProgressLines:
        with self._lock:
            self._print(None)
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
        """Prints a line if the phase has changed."""
        with self._lock:
            self._now = now
            if phase_of(now) != self._phase:
                self._print(now)

    def _print_on_time(self) -> None:
        while not self._ended.wait(max(self._printed_at + self._every_s - time.monotonic(), 0.05)):
            with self._lock:
                if time.monotonic() - self._printed_at >= self._every_s:
                    self._print(self._now)

    def _print(self, now: Progress | None) -> None:
        at, done = time.monotonic(), 0 if now is None else now.done_bytes
        rate = None
        if self._phase == phase_of(now) and at > self._printed_at:
            rate = max(done - self._bytes_at_last_line, 0) / (at - self._printed_at)
        self._phase, self._printed_at, self._bytes_at_last_line = phase_of(now), at, done
        if at >= self._silent_until:
            self._write(f"xfd: {line_of(now, rate)}")


def to_stderr(line: str) -> None:
    """Writes a line to standard error, unless that is closed."""
    if sys.stderr is not None:
        try:
            sys.stderr.write(sanitized(line) + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            return
