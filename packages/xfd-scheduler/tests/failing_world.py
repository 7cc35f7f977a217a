"""A world in which orders fail: it says how each one ends, and the swarm runs to its end in it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from xfd_api.errors import XfdError
from xfd_api.reports import Fault
from xfd_scheduler.testing.script import Assignment, Script


@dataclass(frozen=True)
class Failure:
    fault: Fault
    error: XfdError
    final: bool = False
    bad_bytes: bool = False
    retry_after_s: float | None = None


@dataclass
class Seen:
    """What a world knows when it decides: the script so far, and earlier orders."""

    script: Script
    had: dict[str, set[int]]
    of_node: Counter[tuple[str, int]] = field(default_factory=Counter)
    of_pair: Counter[tuple[str, str | None, int]] = field(default_factory=Counter)
    random: random.Random = field(default_factory=lambda: random.Random(7))

    def is_relay(self, assignment: Assignment) -> bool:
        """Whether the order's source does not hold the chunk."""
        return assignment.source is not None and assignment.chunk not in self.had[assignment.source]


World = Callable[[Seen, str, Assignment], Failure | None]


def live(
    script: Script, world: World, held: dict[str, set[int]] | None = None, steps: int = 3000
) -> Seen:
    """Every order ends as the world says, until there is none left."""
    seen = Seen(script, {str(node): set() for node in script.assignments})
    for node, chunks in (held or {}).items():
        seen.had[node] |= chunks
    for _ in range(steps):
        script.plan()
        busy = [(node, dict(mine)) for node, mine in script.assignments.items() if mine]
        for node, mine in busy:
            for chunk, assignment in mine.items():
                if script.assignments[node].get(chunk) is not assignment:
                    continue  # Cancelled by what another report said.
                failure = world(seen, node, assignment)
                seen.of_node[node, chunk] += 1
                seen.of_pair[node, assignment.source, chunk] += 1
                if failure is None:
                    seen.had[node].add(chunk)
                    script.holds(node, chunk)
                    continue
                script.fails(
                    node,
                    chunk,
                    failure.fault,
                    error=failure.error,
                    final=failure.final,
                    bad_bytes=failure.bad_bytes,
                    retry_after_s=failure.retry_after_s,
                )
            script.plan()
        script.now += 0.05
        if not busy:
            if script.scheduler.next_wakeup() is None:
                return seen
            script.waits()
    raise AssertionError(f"the swarm is still busy; {script.scheduler.failures()}")
