"""How often the process of a stage's worker died, kept where a worker's death does not reach.

Ray restarts an actor whose process ended and gives it the same batch again, without limit, since a
node may be lost at any time. A batch that kills its process would so be repeated for ever. Each
worker therefore writes down when it starts, in the key-value store of Ray's head; one that finds
its own entry of before knows that it died, and whether its node outlived it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from ray.experimental import internal_kv

MOST_DEATHS = 3
"""Deaths of one worker's process, on nodes that outlived them, after which its stage has failed."""

_NAMESPACE = b"xfd_pipelines"


@dataclass(frozen=True, slots=True)
class Life:
    """A worker's latest start.

    Attributes:
        stage: name of its stage.
        node: Ray's id of the node.
        method: what it is in: `setup`, or `process_data` once that is over.
        deaths: of its process before, on nodes that outlived it.
    """

    stage: str
    node: str
    method: str = "setup"
    deaths: int = 0

    def at(self, method: str) -> Life:
        """The same life, now in this method."""
        return replace(self, method=method)


def begin(before: Life | None, *, stage: str, node: str, node_lives: Callable[[str], bool]) -> Life:
    """The life that begins after `before`; a death counts if its node outlived it. Pure."""
    if before is None:
        return Life(stage, node)
    return Life(stage, node, before.method, before.deaths + node_lives(before.node))


class Lives:
    """The entries of one run of a pipeline."""

    def __init__(self, run: str) -> None:
        self._run = run

    def read(self, worker_id: str) -> Life | None:
        """The latest life of a worker, if it had one."""
        text = internal_kv._internal_kv_get(self._key(worker_id), namespace=_NAMESPACE)
        return Life(**json.loads(text)) if text else None

    def write(self, worker_id: str, life: Life) -> None:
        """Writes it down, at once."""
        entry = {name: getattr(life, name) for name in ("stage", "node", "method", "deaths")}
        internal_kv._internal_kv_put(
            self._key(worker_id), json.dumps(entry).encode(), True, namespace=_NAMESPACE
        )

    def forget(self) -> None:
        """Removes all entries of the run."""
        internal_kv._internal_kv_del(self._run.encode(), del_by_prefix=True, namespace=_NAMESPACE)

    def _key(self, worker_id: str) -> bytes:
        return f"{self._run}:{worker_id}".encode()
