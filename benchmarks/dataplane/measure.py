"""Runs a command to its end and says what it cost, by the kernel's own accounting."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

POLL_S = 0.01
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of one process, and of the children that it waited for, cost.

    Attributes:
        wall_s: from its start to its end.
        cpu_s: user and system time of the process and its children.
        anon_bytes: highest anonymous resident memory (RssAnon) of the process itself, looked at
            every 10 ms.
        written_bytes: what the process itself handed to write calls (wchar): files, and sockets
            if they are written to with `write` or `writev`.
    """

    wall_s: float
    cpu_s: float
    anon_bytes: int
    written_bytes: int


class CommandFailedError(RuntimeError):
    """A measured command did not end well."""


def run(command: Sequence[str], *, env: Mapping[str, str]) -> Cost:
    """Runs a command and drops its output; an error has the output's end.

    Raises:
        CommandFailedError: it ended with anything but 0.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    anon = written = 0
    while True:
        anon = max(anon, _field(process.pid, "status", "RssAnon:") * 1024)
        # The process is left a zombie until its last numbers are read.
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            break
        time.sleep(POLL_S)
    wall = time.perf_counter() - started
    written = _field(process.pid, "io", "wchar:")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    said = process.stderr.read().decode(errors="replace") if process.stderr else ""
    if process.returncode != 0:
        raise CommandFailedError(f"{' '.join(command)}: {process.returncode}\n{said[-2000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, anon, written)


def cpu_s_of(pids: Sequence[int]) -> float:
    """User and system time of processes that are alive, all their threads, to a clock tick."""
    ticks = 0
    for pid in pids:
        # The name, in brackets, may hold blanks; utime and stime are fields 14 and 15 of proc(5).
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(after_name[11]) + int(after_name[12])
    return ticks * TICK_S


def descendants_of(pid: int) -> list[int]:
    """The processes that it has started, and those that they have."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return children + [each for child in children for each in descendants_of(child)]


def _field(pid: int, file: str, name: str) -> int:
    try:
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    except OSError:
        pass  # It ended between two looks.
    return 0
