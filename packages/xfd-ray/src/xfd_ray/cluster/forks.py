"""Refuses Ray calls in a process that was forked from one that was connected to Ray.

Such a process has none of Ray's threads, so each call would wait for ever, whatever its deadline.
"""

from __future__ import annotations

import os

import ray

from xfd_api.errors import InvalidRequestError

_connected_at_fork = False


def check_not_forked() -> None:
    """Refuses to continue in such a process.

    Raises:
        InvalidRequestError: Ray was connected when this process was forked.
    """
    if _connected_at_fork:
        raise InvalidRequestError(
            "This process was forked from one that is connected to Ray, and cannot use it",
            remedy='Start it with multiprocessing.get_context("spawn"), or call Ray after the fork',
        )


def _note() -> None:
    global _connected_at_fork
    _connected_at_fork = ray.is_initialized()


os.register_at_fork(after_in_child=_note)
