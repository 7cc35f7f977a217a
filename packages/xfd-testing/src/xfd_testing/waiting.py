"""Waiting for what has no event of its own."""

from __future__ import annotations

import time
from collections.abc import Callable

POLL_S = 0.1


def until(condition: Callable[[], bool], timeout_s: float, failure: str) -> None:
    """Polls the condition until it is true.

    Raises:
        TimeoutError: it is still false after `timeout_s`; the message is `failure`.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{failure} (waited {timeout_s:.0f} s)")
        time.sleep(POLL_S)
