"""The panels of the dashboard, as a table; `build` makes Grafana's JSON of it.

Expressions name metrics as `xfd_api.metrics` does. `build` puts a variable for Ray's prefix before
each name, and the labels of the chosen session and cluster behind it.
"""

from __future__ import annotations

from typing import Final

from dashboards.panel import Panel, Query, Row
from dashboards.promql import AMPLIFICATION, RECEIVED, growth, quantiles, rate

ROWS: Final = (
    Row(
        "Now",
        5,
        (
            Panel(
                "Swarms",
                "Distributions that share one set of terms; several calls may be on one swarm.",
                "number",
                (Query("sum(xfd_swarms)"),),
                width=3,
            ),
            Panel(
                "Calls",
                "Calls that hold their files now, by how far they are.",
                "number",
                (Query("sum by (state) (xfd_leases) > 0", "{{state}}"),),
                width=5,
            ),
            Panel(
                "Still to bring",
                "Bytes that nodes still lack, all nodes together.",
                "number",
                (Query("sum(xfd_remaining_bytes)"),),
                unit="bytes",
                width=4,
            ),
            Panel(
                "Since the last progress",
                "Time since a node of the slowest unfinished swarm received anything. The alert "
                "XfdSwarmStalled fires at two minutes.",
                "number",
                (Query("max(xfd_progress_age_seconds)"),),
                unit="s",
                warns_at=30,
                alarms_at=120,
                width=4,
            ),
            Panel(
                "Origin amplification",
                "Bytes read from the store in the shown time for each byte that was missing. It is "
                "1 if every byte left the store once, and the number of zones if that was asked.",
                "number",
                (Query(AMPLIFICATION),),
                warns_at=1.05,
                alarms_at=1.1,
                width=4,
            ),
            Panel(
                "Efficiency of the last call",
                "The shortest time that links and disks allow, divided by the time that the last "
                "call took.",
                "number",
                (Query("min(xfd_efficiency_ratio)"),),
                unit="percentunit",
                warns_at=0.9,
                alarms_at=0.5,
                width=4,
            ),
        ),
    ),
    Row(
        "Bytes",
        8,
        (
            Panel(
                "Bytes by source",
                "Bytes that nodes received in the shown time, and found in their caches. Each byte "
                "that was missing should come from the origin once, and else from peers.",
                "number",
                (Query(growth("xfd_lease_bytes_total", "source"), "{{source}}"),),
                unit="bytes",
                width=8,
            ),
            Panel(
                "Bytes per second by source",
                "What all nodes receive together. Runs of a few scrapes show in the totals alone.",
                "lines",
                (Query(rate("xfd_bytes_total", "source"), "{{source}}"),),
                unit="Bps",
                width=16,
            ),
            Panel(
                "Still to bring, over time",
                "Bytes that the nodes of unfinished calls still lack. A straight line down is a "
                "steady distribution, a flat one stands still.",
                "lines",
                (Query("sum(xfd_remaining_bytes)", "all nodes"),),
                unit="bytes",
            ),
            Panel(
                "Sent to peers, and written to disk",
                "What all nodes pass on to each other, and write to files.",
                "lines",
                (
                    Query(rate("xfd_served_bytes_total"), "sent to peers"),
                    Query(rate("xfd_written_bytes_total"), "written"),
                    Query(rate("xfd_unpacked_bytes_total"), "unpacked"),
                ),
                unit="Bps",
            ),
            Panel(
                "Amplification and efficiency of the last call",
                "Of the last call that is done. Both are 1 at best: each missing byte left the "
                "store once, in the shortest possible time.",
                "lines",
                (
                    Query("max(xfd_amplification_ratio)", "amplification"),
                    Query("min(xfd_efficiency_ratio)", "efficiency"),
                ),
            ),
            Panel(
                "Calls that are over",
                "Calls that ended in the shown time: with all files, with an error, given up "
                "before, or not renewed by their driver.",
                "number",
                (Query(growth("xfd_leases_ended_total", "outcome"), "{{outcome}}"),),
            ),
        ),
    ),
    Row(
        "Nodes",
        8,
        (
            Panel(
                "Nodes by state",
                "States of the nodes' workers; a node of two swarms counts in each.",
                "lines",
                (Query("sum by (state) (xfd_nodes)", "{{state}}"),),
            ),
            Panel(
                "Slowest nodes",
                "The five nodes that receive least, among those with a transfer that runs. One "
                "that stays far below the others is slow itself.",
                "table",
                (Query(f"bottomk(5, {RECEIVED})"),),
                unit="Bps",
            ),
            Panel(
                "Bytes per second of a node",
                "Of the nodes with a transfer that runs: the fastest, the median and the slowest. "
                "Lines that lie apart mean that some nodes hold the others up.",
                "lines",
                (
                    Query(f"max({RECEIVED})", "fastest"),
                    Query(f"quantile(0.5, {RECEIVED})", "median"),
                    Query(f"min({RECEIVED})", "slowest"),
                ),
                unit="Bps",
            ),
            Panel(
                "Fullest disks",
                "Free part of the ten fullest disks where xfd puts files. The alert "
                "XfdDiskNearlyFull fires below 5 %.",
                "lines",
                (
                    Query(
                        "bottomk(10, min by (instance, root) "
                        "(xfd_disk_free_bytes / xfd_disk_size_bytes))",
                        "{{instance}} {{root}}",
                    ),
                ),
                unit="percentunit",
                warns_at=0.1,
                alarms_at=0.05,
            ),
            Panel(
                "Workers lost",
                "Workers that were lost in the shown time, with their node or without it.",
                "number",
                (Query(growth("xfd_workers_lost_total")),),
                warns_at=1,
                alarms_at=10,
            ),
            Panel(
                "Versions of xfd",
                "How many workers and coordinators run each version. A cluster has one.",
                "number",
                (
                    Query("sum by (version) (xfd_build_info)", "workers, {{version}}"),
                    Query(
                        "sum by (version) (xfd_coordinator_build_info)", "coordinators, {{version}}"
                    ),
                ),
            ),
        ),
    ),
    Row(
        "Transfers",
        8,
        (
            Panel(
                "Time of a chunk's transfer",
                "From a chunk's first byte to its last, in the shown time: the median, and what "
                "one of a hundred exceeds.",
                "number",
                quantiles(growth("xfd_transfer_seconds_bucket", "le, source")),
                unit="s",
            ),
            Panel(
                "Time of a chunk's transfer, over time",
                "The same of the chunks that arrived just now.",
                "lines",
                quantiles(rate("xfd_transfer_seconds_bucket", "le, source")),
                unit="s",
            ),
            Panel(
                "Transfers that run",
                "Chunks on their way, and archives that are unpacked, on all nodes.",
                "lines",
                (Query("sum by (kind) (xfd_active_transfers)", "{{kind}}"),),
            ),
            Panel(
                "Chunks per second",
                "Chunks that arrived whole, by source, and chunks that were sent to peers.",
                "lines",
                (
                    Query(rate("xfd_chunks_total", "source"), "from {{source}}"),
                    Query(rate("xfd_served_chunks_total"), "sent to peers"),
                ),
            ),
            Panel(
                "Objects and archive entries",
                "Objects that became whole in the shown time, and entries of archives.",
                "number",
                (
                    Query(growth("xfd_objects_total", "state"), "{{state}}"),
                    Query(growth("xfd_unpacked_entries_total"), "unpacked entries"),
                ),
            ),
        ),
    ),
    Row(
        "Origin and faults",
        8,
        (
            Panel(
                "Requests to the origin",
                "Requests that ended, by outcome. The alert XfdStoreThrottles fires if more than "
                "10 % are refused because there are too many.",
                "lines",
                (Query(rate("xfd_origin_requests_total", "outcome"), "{{outcome}}"),),
                unit="reqps",
            ),
            Panel(
                "Requests to the origin, in total",
                "Requests that ended in the shown time, by outcome.",
                "number",
                (Query(growth("xfd_origin_requests_total", "outcome"), "{{outcome}}"),),
            ),
            Panel(
                "Requests sent again, and waits",
                "Requests to the origin or to peers that were repeated, and requests that wait for "
                "the reset of the origin's rate limit.",
                "lines",
                (
                    Query(rate("xfd_retries_total"), "sent again per s"),
                    Query("sum(xfd_origin_resets_awaited)", "waiting for a reset"),
                ),
            ),
            Panel(
                "Verification failures",
                "Chunks and objects that differed from their checksum in the shown time. They were "
                "fetched again.",
                "number",
                (Query(growth("xfd_verification_failures_total")),),
                warns_at=1,
                alarms_at=10,
            ),
        ),
    ),
)
