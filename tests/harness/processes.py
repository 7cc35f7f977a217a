"""Starting server processes: free ports, a log file, readiness, and an end that leaves nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

SUPERVISE = Path(__file__).with_name("supervise.py")


class StartError(RuntimeError):
    """A server did not come up; the message ends with the tail of its log."""


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Different TCP ports that nobody listens on now.

    They come from the kernel's ephemeral range; all are held at once while they are looked for, so
    no two are the same.
    """
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((host, 0))
        return [each.getsockname()[1] for each in sockets]


def listens(host: str, port: int) -> bool:
    """Whether a connection to this port is accepted."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


class Supervised:
    """A command that runs with all its descendants until `stop`, or until this process ends."""

    def __init__(
        self, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.command = list(command)
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-ISu", str(SUPERVISE), *self.command],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether the command still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the supervisor; the command and its descendants are below it."""
        return self._process.pid

    def stop(self) -> None:
        """Ends the command and all its descendants at once (SIGKILL); they are gone on return."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        self._process.wait()

    def log_tail(self, lines: int = 30) -> str:
        """The last lines that the command wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_until(self, ready: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Polls `ready` until it is true.

        Raises:
            StartError: the command ended, or the time is over.
        """
        deadline = time.monotonic() + timeout_s
        while not ready():
            if not self.running:
                raise StartError(f"{what} ended while it started:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise StartError(f"{what} is not up after {timeout_s:.0f} s:\n{self.log_tail()}")
            time.sleep(0.05)
