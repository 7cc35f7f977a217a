"""Counts how often the process of a stage's worker died.

Ray restarts an actor whose process ended, and gives it the same batch again, without limit: a node
may be lost at any time. A batch that kills its process would be repeated for ever. So each worker
records its start in the key-value store of Ray's head. A worker that finds an earlier record of its
own knows that its process died, and whether its node outlived it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from ray.experimental import internal_kv

MOST_DEATHS = 3
"""Deaths of one worker's process, on nodes that outlived it, after which its stage has failed."""

NAMESPACE = b"xfd_pipelines"
"""Of all records of pipelines. Their keys begin with the id of the run."""


@dataclass(frozen=True, slots=True)
class WorkerStart:
    """A worker's latest start.

    Attributes:
        stage: the name of its stage.
        node: Ray's id of the node.
        method: the method that runs: `setup`, or `process_data` after it.
        deaths: earlier deaths of its process, on nodes that outlived it.
    """

    stage: str
    node: str
    method: str = "setup"
    deaths: int = 0

    def in_method(self, method: str) -> WorkerStart:
        """The same start, now in this method."""
        return replace(self, method=method)


def next_start(
    before: WorkerStart | None, *, stage: str, node: str, node_lives: Callable[[str], bool]
) -> WorkerStart:
    """The start after `before`; a death counts if its node outlived the process. Pure."""
    if before is None:
        return WorkerStart(stage, node)
    return WorkerStart(stage, node, before.method, before.deaths + node_lives(before.node))


class WorkerStarts:
    """The recorded starts of all workers of one run of a pipeline."""

    def __init__(self, run: str) -> None:
        self._run = run

    def read(self, worker_id: str) -> WorkerStart | None:
        """The latest start of a worker, if there was one."""
        text = internal_kv._internal_kv_get(self._key(worker_id), namespace=NAMESPACE)
        return WorkerStart(**json.loads(text)) if text else None

    def write(self, worker_id: str, start: WorkerStart) -> None:
        """Records a start at once."""
        entry = {name: getattr(start, name) for name in ("stage", "node", "method", "deaths")}
        internal_kv._internal_kv_put(
            self._key(worker_id), json.dumps(entry).encode(), True, namespace=NAMESPACE
        )

    def remove(self) -> None:
        """Removes all records of the run."""
        internal_kv._internal_kv_del(self._run.encode(), del_by_prefix=True, namespace=NAMESPACE)

    def _key(self, worker_id: str) -> bytes:
        return f"{self._run}:{worker_id}".encode()
