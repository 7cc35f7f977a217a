"""What a worker does before and around its stage: once for its node, and again if it failed."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ray.experimental import internal_kv

from xfd_pipelines.adapters.worker_starts import NAMESPACE

Answer = TypeVar("Answer")

_log = logging.getLogger("xfd_pipelines")


class NodeSetup:
    """The `setup_on_node` of one stage on one node: one worker runs it, and the others wait.

    They wait for a lock of the operating system, which ends with the process that holds it. That it
    is done stands in the key-value store of Ray's head, among the records of the run.

    Args:
        run_id: of the run.
        place: of the stage in the pipeline.
        node: Ray's id of this node.
    """

    def __init__(self, run_id: str, place: int, node: str) -> None:
        self._key = f"{run_id}:node:{place}:{node}".encode()
        name = hashlib.sha256(self._key).hexdigest()[:24]
        self._lock = Path(tempfile.gettempdir(), f"xfd-pipelines-{name}.lock")

    def run(self, setup: Callable[[], None]) -> None:
        """Runs it, or returns when another worker has.

        Raises:
            Exception: what it raised; the next worker then tries.
        """
        with self._lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if internal_kv._internal_kv_get(self._key, namespace=NAMESPACE) is None:
                setup()
                internal_kv._internal_kv_put(self._key, b"done", True, namespace=NAMESPACE)
            # Whoever waits for this file, or makes another one, finds that it is done.
            self._lock.unlink(missing_ok=True)


def attempts(number: int, call: Callable[[], Answer], stage: str, method: str) -> Answer:
    """Calls until it returns, at most so many times.

    Raises:
        Exception: that of the last call.
    """
    for again in range(1, number):
        try:
            return call()
        except Exception:  # Any exception of the user's code.
            _log.warning(
                "Stage %s failed in %s, attempt %d of %d",
                stage,
                method,
                again,
                number,
                exc_info=True,
            )
    return call()
