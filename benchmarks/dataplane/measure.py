"""Runs a command to its end and says what it cost, by the kernel's own accounting."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of one process (and the children it waited for) cost.

    Attributes:
        wall_s: from its start to its end.
        cpu_s: user and system time.
        anon_bytes: highest anonymous resident memory (RssAnon) seen, looked at every 10 ms.
        written_bytes: what it handed to write calls, sockets included (wchar).
    """

    wall_s: float
    cpu_s: float
    anon_bytes: int
    written_bytes: int


class CommandFailedError(RuntimeError):
    """A measured command did not end well."""


def run(command: Sequence[str], *, env: Mapping[str, str]) -> Cost:
    """Runs it with its output thrown away, but for the end of it where it fails.

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
        written = max(written, _field(process.pid, "io", "wchar:"))
        # The process is left a zombie until its last numbers are read.
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            break
        time.sleep(POLL_S)
    wall = time.perf_counter() - started
    written = max(written, _field(process.pid, "io", "wchar:"))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    said = process.stderr.read().decode(errors="replace") if process.stderr else ""
    if process.returncode != 0:
        raise CommandFailedError(f"{' '.join(command)}: {process.returncode}\n{said[-2000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, anon, written)


def _field(pid: int, file: str, name: str) -> int:
    try:
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    except OSError:
        pass  # It ended between two looks.
    return 0
