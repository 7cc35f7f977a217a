"""Locks between processes: flock, as for the files beside destinations.

A lock ends with its process, however that ends. On NFS it works between hosts, from Linux 2.6.12
on. A file system without locks has no index, and then nothing is removed there by itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

WAIT_S = 30.0
"""How long a process waits for another one; the lock is held for moments."""

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@contextlib.contextmanager
def locked(path: Path, *, wait_s: float = WAIT_S) -> Iterator[None]:
    """Holds the lock of a file, which is made with its folder. Its holder may remove it.

    Raises:
        TimeoutError: another process holds it all the time.
        OSError: the file system has no locks, or the file cannot be made.
    """
    deadline = time.monotonic() + wait_s
    while True:
        descriptor = _opened(path)
        try:
            _wait(descriptor, path, deadline)
            if _is_named(descriptor, path):
                yield
                return
        finally:
            os.close(descriptor)


def _opened(path: Path) -> int:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whoever held the lock last may remove the folder in between.
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, _FLAGS, 0o666)


def _wait(descriptor: int, path: Path, deadline: float) -> None:
    pause = 0.001
    while not try_lock(descriptor):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Another process holds {path}")
        time.sleep(pause)
        pause = min(2 * pause, 0.05)


def _is_named(descriptor: int, path: Path) -> bool:
    """Whether the file still has its name: whoever held the lock may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def try_lock(descriptor: int) -> bool:
    """Whether the lock of an open file is ours now. Closing the file gives it back."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
