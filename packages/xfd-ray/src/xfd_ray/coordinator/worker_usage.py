"""Which workers are used, and which of the idle ones should end or change. Pure.

The worker that was used last on its node stays as long as the coordinator, because the next call
most likely has the same terms. Idle workers of other terms end soon. They end at once if they block
another one: they have its port, or belong to a driver that has changed its settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xfd_api.ids import NodeId
from xfd_ray.messages import WorkerTerms

IDLE_S = 10.0
"""How long an idle worker stays that is not the one used last on its node. Two drivers that take
turns then find their workers, and a hundred drivers do not leave a hundred workers."""

WorkerKey = tuple[NodeId, WorkerTerms]


@dataclass(slots=True)
class _Use:
    users: int
    since: float
    """When the number of users last changed."""


class WorkerUsage:
    """Counts the swarms that use each worker."""

    def __init__(self) -> None:
        self._uses: dict[WorkerKey, _Use] = {}

    def add(self, key: WorkerKey, now: float) -> None:
        """Adds a worker, idle so far."""
        self._uses[key] = _Use(0, now)

    def forget(self, key: WorkerKey) -> None:
        """Removes a worker."""
        self._uses.pop(key, None)

    def begin(self, key: WorkerKey, now: float) -> None:
        """One more swarm uses the worker."""
        use = self._uses[key]
        use.users, use.since = use.users + 1, now

    def end(self, key: WorkerKey, now: float) -> None:
        """One swarm less uses the worker, if it still exists."""
        use = self._uses.get(key)
        if use is not None:
            use.users, use.since = max(0, use.users - 1), now

    def is_used(self, key: WorkerKey) -> bool:
        """Whether a swarm uses the worker."""
        return self._uses[key].users > 0

    def reconfigurable(self, wanted: WorkerKey) -> list[WorkerKey]:
        """Idle workers of the node that can change to these terms."""
        return [key for key in self._idle(wanted[0]) if key[1].can_become(wanted[1])]

    def blocking(self, wanted: WorkerKey) -> list[WorkerKey]:
        """Idle workers of the node that have to end before this one starts."""
        return [key for key in self._idle(wanted[0]) if key != wanted and key[1].blocks(wanted[1])]

    def lacks_port(self, wanted: WorkerKey) -> bool:
        """Whether workers in use have all ports that this one may have."""
        ports = wanted[1].peer_ports
        if ports is None:
            return False
        others = [
            key
            for key, use in self._uses.items()
            if key[0] == wanted[0] and key != wanted and use.users and key[1].peer_ports == ports
        ]
        return len(others) > ports[1] - ports[0]

    def idle_too_long(self, now: float) -> list[WorkerKey]:
        """Idle workers that should end now."""
        last: dict[NodeId, float] = {}
        for (node, _), use in self._uses.items():
            last[node] = max(last.get(node, use.since), use.since)
        used_nodes = {node for (node, _), use in self._uses.items() if use.users}
        return [
            key
            for key, use in self._uses.items()
            if not use.users
            and now - use.since > IDLE_S
            and (key[0] in used_nodes or use.since < last[key[0]])
        ]

    def _idle(self, node: NodeId) -> Iterator[WorkerKey]:
        return (key for key, use in self._uses.items() if key[0] == node and not use.users)
