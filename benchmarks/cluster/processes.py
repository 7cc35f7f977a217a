"""Processor time and memory of a run's coordinator and workers, read from /proc."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from pathlib import Path

LOOK_S = 0.5
SAMPLE_S = 0.25
TICK_S = 1 / os.sysconf("SC_CLK_TCK")

COORDINATOR = "ray::CoordinatorActor"
WORKER = "ray::NodeWorker"
EMPTY = "ray::Empty"
ROLES = (COORDINATOR, WORKER, EMPTY)


@dataclass(slots=True)
class _Watched:
    role: str
    times: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    peak_anonymous_bytes: int = 0


class ProcessWatch:
    """Watches the actors of all beds from `__enter__` to `__exit__`.

    A process counts from the moment it has its role; Ray's work in it before that does not.
    """

    def __init__(self) -> None:
        self._seen: dict[int, _Watched] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> ProcessWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def cpu_s(self, role: str, begin: float, end: float) -> float:
        """Processor seconds of all processes of a role between two moments of the Unix clock."""
        total = 0.0
        for watched in list(self._seen.values()):
            if watched.role != role or not watched.times or watched.times[-1] < begin:
                continue
            first = max(0, bisect_right(watched.times, begin) - 1)
            last = min(len(watched.times) - 1, bisect_left(watched.times, end))
            total += max(0.0, watched.cpu_s[last] - watched.cpu_s[first])
        return total

    def peak_bytes(self, role: str, begin: float) -> tuple[int, int]:
        """Highest resident set of a process of the role that lived after a moment, and its
        highest anonymous part.
        """
        watched = [
            w for w in self._seen.values() if w.role == role and w.times and w.times[-1] >= begin
        ]
        return (
            max((w.peak_bytes for w in watched), default=0),
            max((w.peak_anonymous_bytes for w in watched), default=0),
        )

    def _run(self) -> None:
        next_look = 0.0
        while not self._ended.wait(SAMPLE_S):
            now = time.time()
            is_look = now >= next_look
            if is_look:
                next_look = now + LOOK_S
                self._look()
            for pid, watched in self._seen.items():
                # A process that has ended keeps its last values.
                with contextlib.suppress(OSError, ValueError, IndexError):
                    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                    watched.cpu_s.append((int(fields[11]) + int(fields[12])) * TICK_S)
                    watched.times.append(time.time())
                    if is_look:
                        self._read_memory(pid, watched)

    def _look(self) -> None:
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) in self._seen:
                continue
            with contextlib.suppress(OSError):
                title = (entry / "cmdline").read_bytes()[:64].decode(errors="replace")
                role = next((role for role in ROLES if title.startswith(role)), None)
                if role is not None:
                    self._seen = {**self._seen, int(entry.name): _Watched(role)}

    @staticmethod
    def _read_memory(pid: int, watched: _Watched) -> None:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "VmHWM":
                watched.peak_bytes = max(watched.peak_bytes, int(value.split()[0]) * 1024)
            elif name == "RssAnon":
                size = int(value.split()[0]) * 1024
                watched.peak_anonymous_bytes = max(watched.peak_anonymous_bytes, size)
