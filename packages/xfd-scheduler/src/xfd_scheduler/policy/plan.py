"""What to order next.

Two rules give out all work: `spread` launches chunks that no node has, and `backfill` gives single
nodes what others hold. Starving nodes are filled before a wave starts, the others after it.
`reconsider` moves running orders to other sources.
"""

from __future__ import annotations

from itertools import islice

from xfd_scheduler.bounds import RESTING_PAIRS_LIMIT, WANT_SET_SAMPLE
from xfd_scheduler.links import windows
from xfd_scheduler.links.estimate import LinkEstimator
from xfd_scheduler.links.receivers import SlowReceivers
from xfd_scheduler.policy.backfill import Backfill
from xfd_scheduler.policy.limits import waits_for_nodes
from xfd_scheduler.policy.reconsider import Reconsider
from xfd_scheduler.policy.sources import Sources
from xfd_scheduler.policy.spread import Spread
from xfd_scheduler.state import resting
from xfd_scheduler.state.keys import split_key
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.state.transitions import open_chunk


class Planner:
    """Plans orders. `seed` decides where the search for a source starts."""

    def __init__(self, swarm: SwarmState, estimator: LinkEstimator, seed: int) -> None:
        self.swarm = swarm
        sources = Sources(swarm, seed)
        self._spread = Spread(swarm)
        self._backfill = Backfill(swarm, sources)
        self._receivers = SlowReceivers(swarm, estimator)
        self.reconsider = Reconsider(swarm, sources)

    def plan(self, now: float) -> bool:
        """Fills the nodes' pending orders; False if the limit of one plan left some out."""
        swarm = self.swarm
        swarm.want_sets = self._want_sets()
        swarm.origin_window = windows.swarm_window(swarm, swarm.want_sets)
        self._wake(now)
        left = swarm.settings.assignments_per_plan
        left = self._backfill.fill(left, now, only_starving=True)
        if now >= swarm.origin_rest_until and not waits_for_nodes(swarm, now):
            left = self._spread.launch(left, now)
        left = self._backfill.fill(left, now, only_starving=False)
        self._receivers.look(now)
        self.reconsider.look(now)
        return left > 0

    def _want_sets(self) -> int:
        """How many different sets of chunks nodes want, about: 1 if all want the same."""
        members = self.swarm.members
        sets = {member.wants for member in islice(members.values(), WANT_SET_SAMPLE)}
        return max(1, len(sets)) if len(sets) < WANT_SET_SAMPLE else len(members)

    def _wake(self, now: float) -> None:
        """Ends the rest of chunks, nodes and pairs that is over."""
        swarm = self.swarm
        for key in swarm.resting_chunks.pop_due(now):
            node, chunk = split_key(key)
            member = swarm.members.get(node)
            if member is not None:
                open_chunk(swarm, member, chunk)
        resting.wake(swarm, now)
        if len(swarm.resting_pairs) > RESTING_PAIRS_LIMIT:
            swarm.resting_pairs = {
                pair: due for pair, due in swarm.resting_pairs.items() if due > now
            }
