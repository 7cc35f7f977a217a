"""Every constant of the policy, the link estimates and the windows, with its reason and evidence.

The text below a constant says its unit and what it is, then why, then the evidence. The table of
docs/scheduler.md is made from this file, and a test compares the two. Settings that an operator may
change are in `settings`.

Evidence is of four kinds:

- "half" and "double": the change of the worst node's time over its bound, in percent, with half and
  twice the value. Single runs of six simulated scenarios; below 2 % is noise.
- "off": the same change with the whole rule off, named as in the ablation of docs/scheduler.md.
- "cost": the value bounds processor time or memory. It hardly changes which source is chosen.
- "not measured": the value was chosen by reasoning alone.
"""

from __future__ import annotations

# -- Queues ----------------------------------------------------------------------------------------

STARVING_DEPTH_SHARE = 0.5
"""share of a node's queue depth. Below it, a node is starving.

Why: such a queue may run empty before the next exchange, so the node is served first.
Evidence: off join3 +17 (`dry-first`).
"""
MIN_QUEUE_SLOTS = 2
"""multiples of a node's download slots. The least depth of a queue, however few bytes it needs.

Why: a node whose rate is unknown or low still needs work for every slot.
Evidence: not measured.
"""
WAVE_DEPTH_FACTOR = 2
"""multiples of a node's queue depth. A wave takes nodes with up to this depth.

Why: nearly all nodes then share one tree.
Evidence: off churn -4.6, quickO -1.9 (`soft`), so it is a candidate for removal.
"""
SLOW_QUEUE_DIVISOR = 2
"""divisor of a slow node's download slots. It shortens the node's queue.

Why: each stream of a slow node occupies an upload slot of its source for long. The queue still
covers two exchanges, because streams that share a link end together.
Evidence: half 8half +5.9, double 8half +7.3; off 8three +42.9 (`shorter`); decision 0009.
"""
PROMISES_PER_SLOT = 2
"""orders per upload slot. A source may be named by this many outstanding orders.

Why: the next orders are promised while the first are served.
Evidence: half at most 1.9, double 8half +5.3.
"""
REMEMBERED_TRANSFERS = 64
"""transfers. The latest ones of a node, over which its total rate is taken.

Why: twice as many as most nodes have at once.
Evidence: cost; the walk over them is 43 % of the time of a report.
"""

# -- Runs of chunks --------------------------------------------------------------------------------

RUNS_PER_QUEUE = 16
"""runs. The number of runs that fill a node's download slots.

Why: a wave launches a run of neighbouring chunks, so that a plan costs less per chunk.
Evidence: off 256eq +3.5 (`runs`).
"""
LARGE_SWARM_NODES = 256
"""nodes. From this size on runs are longer, and the chunks of a run rotate one sorted order.

Why: there are chunks enough, and sorting all nodes for each chunk would double the cost of a plan.
Evidence: cost; off 256eq +3.5 (`turns`).
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
COMPLAINTS_TO_DISCARD = 2
"""nodes. Complaints of this many nodes about one chunk of a peer discard its copy.

Why: one complaint bans the peer, but may be the complaining node's own fault.
Evidence: not measured; guards correctness.
"""

# -- Late nodes ------------------------------------------------------------------------------------

MUCH_MISSED_SHARE = 0.25
"""share of the chunks that a node wants. A node that missed more reads while it catches up.

Why: catching up then takes so long that too few nodes would read otherwise.
Evidence: off churn -3.5, join1 +1.5 (`much-missed`).
"""
CATCHING_UP_RELAY_DIVISOR = 2
"""divisor of the number of nodes. Nodes that catch up relay if they are at least this part.

Why: they then have most of the swarm's uplink.
Evidence: off churn +2.3 (`room-behind`).
"""
KEEP_IN_STEP_DIVISOR = 2
"""divisor of a wave's nodes. Nodes that catch up keep in step if they are fewer than this part.

Why: if they are most nodes, nobody is there to keep in step with.
Evidence: off join1 +0.9 (`in-step`).
"""

# -- Link estimates --------------------------------------------------------------------------------

FAST_STREAM_QUANTILE = 0.2
"""quantile. The pace of a node's streams that stands for its link.

Why: a fast node has some fast streams even if it waits for slow sources; a slow node has none.
Evidence: half and double below 3; decision 0009.
"""
QUANTILE_STEP = 0.2
"""log2 of the pace, per sample. The step of the estimate of this quantile.

Why: follows a change of a link within some ten chunks.
Evidence: half and double below 3.
"""
MEDIAN_STEP = 1.1
"""factor per sample. The step of the estimate of the median time of an order.

Why: follows a change within some ten reports.
Evidence: half and double below 3.
"""
MIN_SAMPLES = 6
"""transfers. With fewer a node's link counts as unknown.

Why: the first streams of a node share its link by luck.
Evidence: half and double below 3.
"""
SAMPLED_CHUNKS = 256
"""chunks. Of a larger catalog, a sample of at least this many is measured.

Why: enough for each node to be known early.
Evidence: cost.
"""
REFERENCE_NODES_DIVISOR = 8
"""divisor of the number of nodes. The slowest node of the fastest part is the reference for all.

Why: single lucky nodes do not move it.
Evidence: not measured.
"""
SLOW_SHARE = 0.5
"""share of the reference rate. A fast node at or below it becomes slow.

Why: equal nodes differ by less.
Evidence: not measured; off 8half +187 (`classes`).
"""
FAST_AGAIN_SHARE = 0.7
"""share of the reference rate. A slow node above it becomes fast.

Why: classes would flip without the distance.
Evidence: off at most 2.1 (`hysteresis`); in a prototype without it 40half 1.5 → 2.3.
"""
SLOW_TOTAL_SHARE = 0.4
"""share of what fast nodes receive in total. A busy node that receives less is slow.

Why: single streams of a slow link are fast by luck.
Evidence: half and double 0.0; the recorded run `lucky-streams` needs it.
"""
BUSY_QUEUE_DIVISOR = 2
"""divisor of the streams that a node may have. A node with fewer orders is not busy.

Why: what an idle node receives says nothing of its link.
Evidence: not measured.
"""
MIN_WATCHED_S = 1.0
"""seconds of work. What a node received before says nothing.

Why: its first streams start at different times.
Evidence: half 0, double 8half +4.6.
"""
BURST_HALF_LIFE_S = 4.0
"""seconds. The half-life of a node's highest rate over one transfer.

Why: a link may become slow later.
Evidence: half and double 0.0.
"""
MIN_UP_SHARE = 1 / 64
"""share of the fastest uplink. No node has less.

Why: loads are divided by shares.
Evidence: not measured.
"""
FAST_UPLINK_SHARE = 0.5
"""share of the whole uplink. Speed classes order trees if the fast nodes have at least this much.

Why: else the few at the top would carry everything.
Evidence: off 0.0 (`suffice`); in a prototype without it quickO 1.13 → 1.30.
"""
ASSUMED_ORIGIN_WAIT_S = 0.05
"""seconds. Time to the origin's first byte until it is measured.

Why: what S3 usually takes.
Evidence: not measured.
"""
ORIGIN_WAIT_WEIGHT = 0.05
"""weight of the newest sample. For the moving average of that time.

Why: single reads differ widely.
Evidence: not measured.
"""
ORIGIN_PACE_DRIFT = 1.05
"""factor per read. With each read, a node's fastest read so far counts as slower by it.

Why: the origin may become slower.
Evidence: not measured.
"""
MIN_TRANSFER_S = 1e-4
"""seconds. The least duration that a transfer counts as.

Why: rates are bytes over durations.
Evidence: not measured.
"""

RECEIVED_INTERVAL_S = 0.25
"""seconds. Between two comparisons of what nodes received lately.

Why: a quarter of the shortest time over which they are compared.
Evidence: double drop 1.207 instead of 1.170, drop16 1.194 instead of 1.177 (the worst of six).
"""
RECEIVED_MIN_S = 1.0
"""seconds. The least time over which they are compared.

Why: exchanges and first bytes vary by less, also on busy machines.
Evidence: without the comparison drop 2.78 instead of 1.17 (the worst of six seeds).
"""
RECEIVED_TRANSFERS = 2.0
"""multiples of the usual time of an order. The same.

Why: streams that share a link end together, so a shorter time sees a burst or nothing.
Evidence: not measured.
"""

# -- Windows ---------------------------------------------------------------------------------------

RATE_WEIGHT = 0.3
"""weight of the newest sample. For the moving average of a node's rate.

Why: three or four rates are enough to follow a change.
Evidence: half and double below 3.
"""
RATE_INTERVALS = 4
"""report intervals. The least time over which a rate is taken.

Why: single reports hold few chunks.
Evidence: half and double at most 0.1.
"""
RATE_TRANSFERS = 2.0
"""multiples of the longest transfer. The least time over which a rate is taken.

Why: streams that share a link end together, so a shorter time sees a burst or nothing.
Evidence: not measured.
"""
INTERVAL_DRIFT = 0.05
"""share per report. A node's shortest report interval grows by it.

Why: a node without news is silent for longer, so the shortest interval counts.
Evidence: not measured.
"""
MAX_WORK_PER_REPORT_S = 1.0
"""seconds. The most of the time between two reports that counts as work.

Why: a node may have been idle for the rest.
Evidence: not measured.
"""
WINDOW_GROWTH_S = 25.0
"""seconds of work. In this time the least origin window of a node grows to its slots.

Why: one lucky stream with a short delay would close the window.
Evidence: off 0.0 (`alone`).
"""
WINDOW_GAIN = 2.0
"""factor on rate x delay. More is in flight than the measured rate needs.

Why: a window can grow only if more orders may bring more bytes.
Evidence: half 8quart +12.8, join3 +9.5; double unhalf +14.9, join3 +4.0.
"""
ROUND_TRIP_INTERVALS = 2.0
"""report intervals. From the arrival of a chunk to the arrival of the order that follows it.

Why: a report waits for one exchange, and its orders for the next.
Evidence: half and double below 3.
"""
EXCHANGES_PER_S = 1000.0
"""exchanges per second. The number that one process has with all nodes together.

Why: gives the report interval.
Evidence: cost.
"""
FIRST_ORIGIN_READS = 4
"""chunks. Origin reads of a node of unknown speed, and of a swarm that waits for nodes.

Why: what is ordered early cannot be given to nodes that join a moment later.
Evidence: half join3 +20.8, unhalf -8.9; double join3 +2.1.
"""
FIRST_READ_SHARE = 5 / 8
"""share of a node's download slots. The chunks that a swarm reads until the first bytes arrive.

Why: all nodes start together, and nothing older can be passed on meanwhile.
Evidence: off quickO +5.9 (`read-first`); decision 0008.
"""
READ_SHARE = 3 / 4
"""share of a node's download slots. The chunks that a swarm reads at once afterwards.

Why: each of them occupies a slot on every node while it is read.
Evidence: half 8quart +9.6, 8half +4.6; double join3 -4.6, unhalf -6.8; decision 0008.
"""
SHORT_WAIT_S = 0.1
"""seconds. A shorter wait for the next orders is accepted once.

Why: the alternative is to read ahead at a rate that is not known.
Evidence: not measured.
"""
READER_SHARE_FACTOR = 2
"""multiples of an equal share of the swarm's origin window. No node reads more.

Why: the uplinks of several nodes share the first copies.
Evidence: off at most 0.8 (`share`).
"""

# -- Waves -----------------------------------------------------------------------------------------

WAVE_START_DIVISOR = 2
"""divisor of the nodes that want a chunk. A wave starts if at least this part is below its depth.

Why: nearly all of them then take part.
Evidence: off 8half +0.5, quickO -0.7 (`wave-half`).
"""
ROTATION_STRIDE = 7919
"""places. The order of a large swarm's equal nodes rotates by it between waves.

Why: as a prime it visits all places.
Evidence: off 256eq -3.5 (`stride`).
"""
URGENCY_SLOTS_DIVISOR = 2
"""divisor of a node's download slots. An order at the top of a tree overtakes this many waves.

Why: its bytes then flow when the nodes below ask for them.
Evidence: off 64eq +13.4 (`levels`).
"""

# -- Trees -----------------------------------------------------------------------------------------

NARROW_TREE_LEVELS = 3
"""levels below the reader. If all links are alike, the fan-out is the least for so many levels.

Why: few children per uplink spread the load evenly.
Evidence: 8 nodes 23.34 s with two children, 23.65 s with four; decision 0007.
"""
MIN_FAN_OUT = 2
"""children. The least fan-out that a tree has.

Why: a chain takes too long; a single chunk goes through a binary tree.
Evidence: in a prototype without the bound by the number of chunks 1chunk 2.56 → 4.25.
"""
LEVEL_COST = 1 / 8
"""share of what one more chunk takes of an uplink. The cost of a level among slow nodes.

Why: without it slow nodes would form long chains.
Evidence: not measured.
"""
READER_CANDIDATES = 128
"""nodes. The most nodes at the top of a tree that are compared as readers.

Why: in a large swarm all of them are alike.
Evidence: cost.
"""

# -- Plans -----------------------------------------------------------------------------------------

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

# -- Backfill --------------------------------------------------------------------------------------

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
RELAY_LOAD = 8
"""promised orders per uplink share. With more at the best holder, relays are considered too.

Why: a relay passes the chunk on while it receives it, but its bytes come later than a holder's.
Evidence: 4, 8 and 16 are the same; off join3 +33.3 (`fill-relay`).
"""
OTHER_ZONE_LOAD = 4.0
"""ratio of loads. Above it, a source in another zone is chosen.

Why: links between zones cost more and may be narrow.
Evidence: no scenario exercises it.
"""

# -- Moved orders ----------------------------------------------------------------------------------

TAKE_OVER_READ_S = 2.0
"""seconds. A node that waits at its end takes over a slower node's origin read after this time.

Why: with a slow origin equal nodes seem unequal, and the read is nearly over by then. For the same
reason a node waits at least as long as its own reads take.
Evidence: half join3 +1.7; double unhalf +9.9, join3 -4.4; decision 0010.
"""
SLOW_SOURCE_CLASSES = 2
"""speed classes. A node moves away from a source that is this much slower.

Why: neighbouring classes come and go, and each move costs some bytes.
Evidence: with one class 40half 1.132 instead of 1.082; decision 0010.
"""
UNSTARTED_READ_SLOTS = 1.5
"""multiples of a node's download slots. A read behind so many orders has not started.

Why: a read that has started would be transferred twice.
Evidence: half join3 +5.7, double at most 0.8.
"""

# -- Late orders -----------------------------------------------------------------------------------

LATE_INTERVAL_S = 1.0
"""seconds. Between two examinations of running orders.

Why: a quarter of the least age of a late order.
Evidence: not measured.
"""
LATE_MIN_AGE_S = 4.0
"""seconds. No younger order is late, whatever its limit.

Why: exchanges and first bytes vary by this much on busy machines.
Evidence: half starve -7, double starve +14.
"""
LATE_PACE_FACTOR = 8.0
"""multiples of the usual time of an order. An order may take this long.

Why: streams of one link differ by several times.
Evidence: half starve -17; off starve +192.9 (`slow`); decision 0010.
"""
LATE_IDLE_DIVISOR = 4.0
"""divisor of the limit. An order of a node that has nothing left to be ordered has less time.

Why: the node has free slots, so one request more takes nothing from its other streams.
Evidence: off starve 1.51 instead of 1.19, at worst 2.36 instead of 1.29 (30 new seeds).
"""

LATE_UNKNOWN_FACTOR = 4.0
"""factor. The limit of a node that no chunk arrived at yet is longer by it.

Why: its link may be slower than others.
Evidence: not measured.
"""
LATE_UNKNOWN_S = 60.0
"""seconds. The limit while no chunk arrived anywhere.

Why: nothing says what is usual.
Evidence: not measured.
"""
LATE_QUEUE_FACTOR = 2.0
"""multiples of the time that a node's queue takes. As much is added to the limit.

Why: the age of an order includes its time in the queue.
Evidence: not measured.
"""
FEW_LATE_DIVISOR = 4
"""divisor of a node's download slots. Fewer late orders do not mean that its link is slow.

Why: on a slow link nearly all streams are late.
Evidence: off 0.0 (`slow-link`).
"""
LATE_ORDERS_PER_LOOK = 20_000
"""orders. After an examination of so many, the next one comes after twice the interval.

Why: bounds the time of a plan.
Evidence: cost.
"""
