"""Bounds of cost and of attempts: how much is compared, planned, remembered and tried again.

Their values hardly change which source is chosen. They are written down as those of `tuning` are,
with unit, reason and evidence. "Cost" as evidence: the value bounds processor time or memory.
"""

from __future__ import annotations

# -- Cost of a plan --------------------------------------------------------------------------------

RUNS_PER_QUEUE = 16
"""runs. The number of runs that fill a node's download slots.

Why: a wave launches a run of neighbouring chunks, so that a plan costs less per chunk.
Evidence: off 256eq +3.5 (`runs`).
"""

LARGE_SWARM_NODES = 256
"""nodes. From this size on runs are longer, and equal nodes change places between waves.

Why: there are chunks enough. In small swarms the first waves would have other nodes at their top.
Evidence: cost; with changed places in all swarms 8 nodes and 120 chunks 0.55 s instead of 0.53.
"""

LARGE_SWARM_RUN_FACTOR = 2
"""factor. The length of runs in a large swarm, compared with others.

Why: halves the cost of a plan.
Evidence: cost.
"""

PLANNABLE_ASSIGNMENTS_PER_S = 250_000
"""assignments per second. A swarm that may need more shares trees between chunks.

Why: about twice what one process plans, because the rate assumed for nodes is high.
Evidence: cost; below it a plan costs about twice as much per assignment; decision 0006.
"""

CHUNKS_PER_SHARED_TREE = 2
"""chunks. The chunks that share a tree, and so an order, in such a swarm.

Why: halves the cost of a plan.
Evidence: two in every swarm 256 nodes 1.040 instead of 1.033; four 512 nodes 1.119; decision 0006.
"""

READER_CANDIDATES = 128
"""nodes. The most nodes at the top of a tree that are compared as readers.

Why: in a large swarm all of them are alike.
Evidence: cost.
"""

SOURCE_CANDIDATES = 8
"""nodes. The sources that are compared for one order.

Why: the least loaded of a few is nearly the least loaded of all.
Evidence: cost.
"""

BACKFILL_SKIPS = 64
"""chunks. The most chunks without a source that one plan skips for one node.

Why: bounds the search for a node whose sources are all busy.
Evidence: cost.
"""

WANT_SET_SAMPLE = 64
"""nodes. The sample in which the sets of wanted chunks are counted.

Why: if all of these differ, all nodes do.
Evidence: cost.
"""

RESTING_PAIRS_LIMIT = 1024
"""pairs of nodes. If more pairs rest, those whose rest is over are removed.

Why: nothing else removes them.
Evidence: cost.
"""

LATE_ORDERS_PER_LOOK = 20_000
"""orders. After an examination of so many, the next one comes after twice the interval.

Why: bounds the time of a plan.
Evidence: cost.
"""

# -- Cost of a report ------------------------------------------------------------------------------

EXCHANGES_PER_S = 1000.0
"""exchanges per second. The number that one process has with all nodes together.

Why: gives the report interval.
Evidence: cost.
"""

SAMPLED_CHUNKS = 256
"""chunks. Of a larger catalog, a sample of at least this many is measured.

Why: enough for each node to be known early.
Evidence: cost.
"""

REMEMBERED_TRANSFERS = 64
"""transfers. The latest ones of a node, over which its rate over one transfer is taken.

Why: twice as many as most nodes have at once.
Evidence: cost; the walk over them is 43 % of the time of a report.
"""

# -- Division --------------------------------------------------------------------------------------

MIN_TRANSFER_S = 1e-4
"""seconds. The least duration that a transfer counts as.

Why: rates are bytes over durations.
Evidence: not measured.
"""

MIN_UP_SHARE = 1 / 64
"""share of the fastest uplink. No node has less.

Why: loads are divided by shares.
Evidence: not measured.
"""

# -- Attempts and complaints -----------------------------------------------------------------------

PEER_ATTEMPTS_FACTOR = 4
"""multiples of `attempts`. Peers may fail a node this often if it cannot reach the origin.

Why: a node that can reach some peer with the chunk does not need the origin.
Evidence: not measured; guards correctness.
"""

SHARED_ATTEMPTS_FACTOR = 2
"""multiples of `attempts`. A chunk that no node holds fails after this many reads of all nodes.

Why: the failures of a single node may be those of its own link.
Evidence: not measured; guards correctness.
"""

IMPATIENT_ATTEMPTS_DIVISOR = 2
"""divisor of `attempts`. After this part of them a node may read the origin.

Why: the chunk may arrive although all peers that have it are busy or rest.
Evidence: not measured; guards correctness (`impatient`).
"""

LONG_REST_S = 2.0
"""seconds. Nobody waits for a peer that rests for so long, or longer, after failures in a row.

Why: what only it has is read from the origin again, which costs less than further failures there.
Evidence: a peer that falls silent in each body, `nox -s faults -- -k test_peer`.
"""

DENIALS_TO_REFUSE = 3
"""nodes. The origin refuses an object to all once it denied it to so many nodes in a row.

Why: a few nodes may lack credentials; each further one costs a request and its answer.
Evidence: not measured; guards correctness.
"""

DENIED_SHARE_DIVISOR = 4
"""divisor of the nodes. If this part of them was denied an object, reads under way do not matter.

Why: keys that are revoked in the middle should fail a large swarm soon.
Evidence: not measured; guards correctness.
"""

COMPLAINTS_TO_DISCARD = 2
"""nodes. Complaints of this many nodes about one chunk of a peer discard its copy.

Why: one complaint bans the peer, but may be the complaining node's own fault.
Evidence: not measured; guards correctness.
"""
