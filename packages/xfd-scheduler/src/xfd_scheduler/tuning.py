"""Every constant of the policy, the link estimates and the windows, with its reason and evidence.

The text below a constant says its unit and what it is, then why, then the evidence. The table of
docs/scheduler.md is made from this file, and a test compares the two. Settings that an operator may
change are in `settings`. What bounds costs, or attempts after faults, is in `bounds`.

Evidence is of three kinds:

- "half" and "double": the change of the worst node's time over its bound, in percent, with half and
  twice the value. Single runs of six simulated scenarios; below 2 % is noise.
- "off": the same change with the whole rule off, named as in the ablation of docs/scheduler.md.
- "not measured": the value was chosen by reasoning alone.
"""

from __future__ import annotations

# -- Queues ----------------------------------------------------------------------------------------

AHEAD = 2
"""multiples. What is ordered ahead, of what runs at once or until the next exchange.

The depth of a queue, in slots; the orders that may name a source, per upload slot; the depth up to
which a wave takes nodes, in depths. A node is starving below its depth over this. A node knows what
is usual from so many chunks on, in slots.

Why: as many orders follow as run. Nearly all nodes then share one tree.
Evidence: promises double 8half +5.3, half at most 1.9; no nodes above their depth 8half +3.7, join3
+2.5 (`wave-depth`).
"""

SLOW_QUEUE_DIVISOR = 2
"""divisor of a slow node's download slots. It shortens the node's queue.

Why: each stream of a slow node occupies an upload slot of its source for long. The queue still
covers two exchanges, because streams that share a link end together.
Evidence: half 8half +5.9, double 8half +7.3; off 8three +42.9 (`shorter`); decision 0009.
"""

# -- Late nodes ------------------------------------------------------------------------------------

MUCH_MISSED_SHARE = 0.25
"""share of the chunks that a node wants. A node that missed more reads while it catches up.

Why: catching up then takes so long that too few nodes would read otherwise.
Evidence: off churn -3.5, join1 +1.5 (`much-missed`).
"""

# -- Link estimates --------------------------------------------------------------------------------

MOST = 0.5
"""share. From this on it is most of something.

A wave starts if most nodes that want the chunk have room. Classes order trees if fast nodes have
most of the uplink. A node is busy if most of its slots have orders. Its link is slow if orders for
most of its slots are late, and the origin if most reads are.

Why: the others would decide for the majority.
Evidence: off 8half +0.5, quickO -0.7 (`wave-half`); off patient +2.2 (`suffice`); reads with few
instead of most starve 4.65 at worst instead of 1.29.
"""

WATCHED_S = 1.0
"""seconds. What is seen in less time says nothing.

The time over which nodes are compared, and the work before a node's total counts. Running orders
are examined so often. No longer time between two reports counts as work.

Why: exchanges, starts and first bytes vary by this much, also on busy machines.
Evidence: half 0, double 8half +4.6 (the work before); without the comparison drop 2.78 instead of
1.17 (the worst of six).
"""

RECEIVED_LOOKS = 4
"""looks. Comparisons of what nodes received in the least time over which they are compared.

Why: a link that became slow is found soon after that time.
Evidence: half drop 1.207 instead of 1.170, drop16 1.194 instead of 1.177 (the worst of six).
"""

SPAN = 2
"""multiples of a transfer. A rate is taken over at least so many.

Why: streams that share a link end together, so a shorter time sees a burst or nothing.
Evidence: not measured.
"""

DRIFT = 0.05
"""share per sample. By so much older values of a best value or an average count less.

A node's shortest report interval, its fastest read of the origin, and the average wait for the
origin's first byte.

Why: links and the origin may become slower, while single samples differ widely.
Evidence: not measured.
"""

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

BURST_HALF_LIFE_S = 4.0
"""seconds. The half-life of a node's highest rate over one transfer.

Why: a link may become slow later.
Evidence: with one second late nodes take 14.2 s instead of 14.1, at worst 14.5; without the rule
8three +106, or late nodes 14.9 s.
"""

ASSUMED_ORIGIN_WAIT_S = 0.05
"""seconds. Time to the origin's first byte until it is measured.

Why: what S3 usually takes.
Evidence: not measured.
"""

# -- Windows ---------------------------------------------------------------------------------------

RATE_WEIGHT = 0.3
"""weight of the newest sample. For the moving average of a node's rate.

Why: three or four rates are enough to follow a change.
Evidence: half and double below 3.
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

READER_SHARE_FACTOR = 2
"""multiples of an equal share of the swarm's origin window. No node reads more.

Why: the uplinks of several nodes share the first copies.
Evidence: off 40half +4.1 (`equal-share`).
"""

# -- Waves and trees -------------------------------------------------------------------------------

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

# -- Backfill --------------------------------------------------------------------------------------

RELAY_LOAD = 8
"""promised orders per uplink share. With more at the best holder, relays are considered too.

Why: a relay passes the chunk on while it receives it, but its bytes come later than a holder's.
Evidence: 4, 8 and 16 are the same; off join3 +33.3 (`fill-relay`).
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
Evidence: half join3 +5.7, double at most 0.8; without the rule 40half +61.
"""

# -- Late orders -----------------------------------------------------------------------------------

LATE_MIN_AGE_S = 4.0
"""seconds. No younger order is late, whatever its limit.

Why: exchanges and first bytes vary by this much on busy machines.
Evidence: half starve -7, double starve +14.
"""

LATE_IDLE_DIVISOR = 4.0
"""divisor of the limit. An order of a node that has nothing left to be ordered has less time.

Why: the node has free slots, so one request more takes nothing from its other streams.
Evidence: off starve 1.51 instead of 1.19, at worst 2.36 instead of 1.29 (30 seeds, of its choice).
"""

LATE_PACE_FACTOR = 8.0
"""multiples of the usual time of an order. An order may take this long.

Why: streams of one link differ by several times.
Evidence: half starve -17; off starve +192.9 (`slow`); decision 0010.
"""

LATE_UNKNOWN_S = 60.0
"""seconds. The limit while no chunk arrived anywhere.

Why: nothing says what is usual.
Evidence: not measured.
"""
