"""Lets processes that run side by side start what needs all cores one after the other."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn_to_start(what: str) -> Iterator[None]:
    """Waits until no other process of this user starts the same, and has the turn for the block.

    Several Rays that start at once on two cores take longer than Ray itself is ready to wait.

    Args:
        what: names the queue, for example "ray".
    """
    lock = Path(tempfile.gettempdir()) / f"xfd-testing-{os.getuid()}-{what}.lock"
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # Given back when the file is closed, or by the kernel.
        yield
