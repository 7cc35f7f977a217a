"""What to order next.

Two rules hand out all work: `waves` launch chunks that nobody has, and spread them; `filling` gives
single nodes what others hold already. Nodes that run dry are filled before a wave starts, the
others after it.
"""

from __future__ import annotations

from itertools import islice

from xfd_scheduler.intake.failures import Faults
from xfd_scheduler.links import windows
from xfd_scheduler.policy.backfill import Filling
from xfd_scheduler.policy.reparent import Reseating
from xfd_scheduler.policy.spread import Waves
from xfd_scheduler.policy.stragglers import SlowOrders
from xfd_scheduler.state.transitions import Swarm
from xfd_scheduler.tuning import RESTING_PAIRS_LIMIT, WANT_SET_SAMPLE


class Planner:
    """Orders for a swarm. `seed` decides where the search for a source starts."""

    def __init__(self, swarm: Swarm, faults: Faults, seed: int) -> None:
        self.swarm = swarm
        self._waves = Waves(swarm)
        self._filling = Filling(swarm, seed)
        self._reseating = Reseating(swarm, self._filling)
        self.slow = SlowOrders(swarm, faults, self._filling)

    def plan(self, now: float) -> bool:
        """Fills the outboxes. True: all was planned that can be; False: call again."""
        swarm = self.swarm
        swarm.origin_window = windows.swarm_window(
            swarm.speeds,
            swarm.settings,
            len(swarm.members),
            len(swarm.zones),
            self._want_sets(),
            swarm.catalog.mean_size,
        )
        self._wake(now)
        left = swarm.settings.assignments_per_plan
        left = self._filling.fill(left, now, only_dry=True)
        if now >= swarm.origin_rest_until and not swarm.waits_for_nodes(now):
            left = self._waves.launch(left)
        left = self._filling.fill(left, now, only_dry=False)
        self._reseating.look(now)
        self._filling.end_game(now)
        self.slow.look(now)
        return left > 0

    def _want_sets(self) -> int:
        """How many sets of chunks are wanted, about: 1 where all nodes want the same."""
        members = self.swarm.members
        sets = {member.wants for member in islice(members.values(), WANT_SET_SAMPLE)}
        return max(1, len(sets)) if len(sets) < WANT_SET_SAMPLE else len(members)

    def _wake(self, now: float) -> None:
        swarm = self.swarm
        for key in swarm.resting.pop_due(now):
            member = swarm.members.get(key >> 32)
            if member is not None:
                swarm.open(member, key & 0xFFFFFFFF)
        for index in swarm.peers_resting.pop_due(now):
            if index in swarm.members and not (swarm.banned >> index) & 1:
                swarm.offering |= 1 << index
        if len(swarm.pairs_resting) > RESTING_PAIRS_LIMIT:
            swarm.pairs_resting = {
                pair: due for pair, due in swarm.pairs_resting.items() if due > now
            }
