"""Progress as lines, for where no bar can be drawn: logs, notebooks, jobs.

A line at each phase (finding, fetching, landing, done), and one at least every ten seconds, also
while nothing moves. What a line says is pure; `ProgressLines` keeps the time and writes.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType

from xfd_api.results import Progress
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
    """What is going on: `finding`, `fetching`, `landing` (synced, renamed, unpacked) or `done`."""
    if now is None:
        return "finding"
    if now.objects_done >= now.objects and now.nodes_done >= now.nodes:
        return "done"
    return "landing" if now.done_bytes >= now.total_bytes else "fetching"


def line_of(now: Progress | None, rate: float | None) -> str:
    """One line for a person; `rate` in bytes per second, None where it is not known."""
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
    return ", ".join(parts)


class ProgressLines:
    """A context manager; call it with each `Progress`.

    Args:
        write: takes a line; None writes it to standard error.
        every_s: longest time without a line.
        silent_s: time at the start without any, so that short runs say nothing.
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
        self._said_at = time.monotonic()
        self._bytes_then = 0
        self._over = threading.Event()
        self._ticking = threading.Thread(target=self._tick, name="xfd-progress", daemon=True)

    def __enter__(self) -> ProgressLines:
        with self._lock:
            self._say(None)
        self._ticking.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._ticking.join()

    def __call__(self, now: Progress) -> None:
        """Takes in how far it is."""
        with self._lock:
            self._now = now
            if phase_of(now) != self._phase:
                self._say(now)

    def _tick(self) -> None:
        while not self._over.wait(max(self._said_at + self._every_s - time.monotonic(), 0.05)):
            with self._lock:
                if time.monotonic() - self._said_at >= self._every_s:
                    self._say(self._now)

    def _say(self, now: Progress | None) -> None:
        at, done = time.monotonic(), 0 if now is None else now.done_bytes
        rate = None
        if self._phase == phase_of(now) and at > self._said_at:
            rate = max(done - self._bytes_then, 0) / (at - self._said_at)
        self._phase, self._said_at, self._bytes_then = phase_of(now), at, done
        if at >= self._silent_until:
            self._write(f"xfd: {line_of(now, rate)}")


def to_stderr(line: str) -> None:
    """Writes a line where it can be seen; who closed standard error sees nothing."""
    if sys.stderr is not None:
        try:
            sys.stderr.write(sanitized(line) + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            return


def can_draw() -> bool:
    """Whether standard error is a terminal, where a bar can move; a notebook's is none."""
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # It was closed.
        return False
