"""Starting server processes: free ports, a log file, readiness, and an end that leaves nothing."""

from __future__ import annotations

import fcntl
import functools
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

SHARES = 64
"""Into how many shares the ports are split; more processes than that share all of them."""

OUTSIDE = range(20_000, 32_768)
"""Ports that Linux gives to no connection where nobody has changed `ip_local_port_range`."""

SUPERVISE = Path(__file__).with_name("supervise.py")


class StartError(RuntimeError):
    """A server did not come up; the message ends with the tail of its log."""


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Different TCP ports that nobody listens on now.

    They lie below the kernel's ephemeral range, out of which any connection may take one before the
    server does that it was looked for. All are held at once meanwhile, so no two are the same.
    Processes that run at the same time look among different ones.
    """
    found: list[int] = []
    own = _ports_of_this_process()
    with ExitStack() as held:
        for port in random.sample(own, len(own)):
            if len(found) == count:
                break
            with suppress(OSError):
                held.enter_context(socket.socket()).bind((host, port))
                found.append(port)
    return found


@functools.cache
def _ports_of_this_process() -> Sequence[int]:
    """A share of the ports, which a locked file keeps from others until this process ends.

    A server binds its ports some time after they were found free, and another process could have
    found the same ones meanwhile.
    """
    folder = Path(tempfile.gettempdir()) / "xfd-test-ports"
    folder.mkdir(exist_ok=True)
    for share in range(SHARES):
        lock = os.open(folder / str(share), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        size = len(OUTSIDE) // SHARES
        return OUTSIDE[share * size : (share + 1) * size]
    return OUTSIDE


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
        self._env = env
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

    def again(self) -> Supervised:
        """Starts the same command once more, when this one has ended; the log goes on."""
        return Supervised(self.command, self.log, self._env)

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
