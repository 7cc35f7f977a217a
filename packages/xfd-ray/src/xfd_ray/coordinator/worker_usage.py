"""Which workers are used, and which of the idle ones are to end or to change. Pure.

Of a node's workers the one that was used last stays while the coordinator does: the next call is
most likely to have the same terms. Idle workers of other terms end soon, and at once if they stand
in the way of another one: they have its port, or are of a driver that has changed its settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xfd_api.ids import NodeId
from xfd_ray.messages import WorkerTerms

IDLE_S = 10.0
"""How long an idle worker stays that is not the one used last on its node. Two drivers that take
turns find theirs warm, and a hundred that come once leave no hundred workers."""

Key = tuple[NodeId, WorkerTerms]


@dataclass(slots=True)
class _Use:
    users: int
    since: float
    """When the number of users last changed."""


class Usage:
    """Counts the swarms that use each worker."""

    def __init__(self) -> None:
        self._uses: dict[Key, _Use] = {}

    def add(self, key: Key, now: float) -> None:
        """There is a worker of this key, idle so far."""
        self._uses[key] = _Use(0, now)

    def forget(self, key: Key) -> None:
        """There is none any more."""
        self._uses.pop(key, None)

    def begin(self, key: Key, now: float) -> None:
        """One more swarm uses it."""
        use = self._uses[key]
        use.users, use.since = use.users + 1, now

    def end(self, key: Key, now: float) -> None:
        """One fewer does; nothing if there is no such worker any more."""
        use = self._uses.get(key)
        if use is not None:
            use.users, use.since = max(0, use.users - 1), now

    def changeable(self, wanted: Key) -> list[Key]:
        """Idle workers of the node that can change to these terms."""
        return [key for key in self._idle(wanted[0]) if key[1].can_become(wanted[1])]

    def in_the_way(self, wanted: Key) -> list[Key]:
        """Idle workers of the node that are to end before this one starts."""
        return [key for key in self._idle(wanted[0]) if key != wanted and key[1].blocks(wanted[1])]

    def has_no_port(self, wanted: Key) -> bool:
        """Whether workers that are in use have all ports that this one may have."""
        ports = wanted[1].peer_ports
        if ports is None:
            return False
        others = [
            key
            for key, use in self._uses.items()
            if key[0] == wanted[0] and key != wanted and use.users and key[1].peer_ports == ports
        ]
        return len(others) > ports[1] - ports[0]

    def idle_too_long(self, now: float) -> list[Key]:
        """Idle workers that are to end now."""
        last: dict[NodeId, float] = {}
        for (node, _), use in self._uses.items():
            last[node] = max(last.get(node, use.since), use.since)
        in_use = {node for (node, _), use in self._uses.items() if use.users}
        return [
            key
            for key, use in self._uses.items()
            if not use.users
            and now - use.since > IDLE_S
            and (key[0] in in_use or use.since < last[key[0]])
        ]

    def _idle(self, node: NodeId) -> Iterator[Key]:
        return (key for key, use in self._uses.items() if key[0] == node and not use.users)
