"""Every metric of nodes and coordinators, in one table.

The data plane counts what `NodeCounters` has, under the same names (`stats.rs`). Workers and
coordinators add figures of their own (`xfd_ray.metrics.figures`). `METRICS` gives the exported name
and label of each. What Ray's agents and xfd's own Prometheus endpoints export follows from it, and
so does the table in docs/telemetry.md.

A new counter of the data plane is a field of `NodeCounters`, a line in `stats.rs` and a series
here; tests fail until all three agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram"]
Unit = Literal["bytes", "seconds", "ratio"]
Origin = Literal["data plane", "worker", "coordinator"]
"""data plane: counted in Rust, a field of `NodeCounters`. worker: what the node's worker sees.
coordinator: what it knows of its leases and nodes, a field of `CoordinatorFigures`."""

ANY: Final = "*"
"""Stands in `Metric.series` for a label's value that is only known where it is measured."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, a row of the table.

    Attributes:
        name: as a scrape of xfd's own endpoint shows it; Ray's agents put `ray_` before it.
            Exported names do not change.
        kind: counters only grow; gauges go up and down.
        help: what one unit of it is, for Prometheus and the documents.
        series: the field that is exported, by the label's value; the value is "" without a label.
            The values are disjoint: their sum is the total.
        label: the label's name, or None.
        unit: the base unit, if it has one; part of the name.
    """

    name: str
    kind: Kind
    help: str
    series: Mapping[str, str]
    label: str | None = None
    unit: Unit | None = None
    origin: Origin = "data plane"


NODE_STATES: Final = ("starting", "working", "done", "idle", "failed", "lost", "refused")
"""What a node's worker may be at, as `xfd_ray.coordinator_status` explains."""

LEASE_STATES: Final = ("finding", "waiting", "running", "done", "failed")
"""What a lease may be at, as `xfd_ray.coordinator_status` explains."""

METRICS: Final = (
    Metric(
        "xfd_bytes_total",
        "counter",
        "Bytes received, or found in the cache; those of a repeated chunk count each time",
        {"origin": "origin_bytes", "peer": "peer_bytes", "cache": "cached_bytes"},
        label="source",
        unit="bytes",
    ),
    Metric(
        "xfd_chunks_total",
        "counter",
        "Chunks received whole",
        {"origin": "chunks_from_origin", "peer": "chunks_from_peers"},
        label="source",
    ),
    Metric(
        "xfd_served_bytes_total",
        "counter",
        "Bytes sent to peers",
        {"": "served_bytes"},
        unit="bytes",
    ),
    Metric("xfd_served_chunks_total", "counter", "Chunks sent to peers", {"": "chunks_served"}),
    Metric(
        "xfd_written_bytes_total",
        "counter",
        "Bytes written to files",
        {"": "written_bytes"},
        unit="bytes",
    ),
    Metric(
        "xfd_objects_total",
        "counter",
        "Objects that are whole: landed after a download, or found in the cache",
        {"landed": "objects_landed", "cache": "objects_cached"},
        label="state",
    ),
    Metric(
        "xfd_active_transfers",
        "gauge",
        "Transfers and work on files that run now",
        {
            "origin": "active_origin",
            "peer": "active_peer",
            "served": "active_served",
            "unpack": "active_unpacks",
            "verify": "active_verifications",
            "land": "active_landings",
        },
        label="kind",
    ),
    Metric(
        "xfd_origin_resets_awaited",
        "gauge",
        "Requests that wait for the reset of the origin's rate limit",
        {"": "active_resets"},
    ),
    Metric(
        "xfd_origin_requests_total",
        "counter",
        "Requests to the origin that ended, by their outcome; failed is any other than those named",
        {
            "answered": "origin_answers",
            "throttled": "origin_throttles",
            "denied": "origin_denials",
            "not_found": "origin_not_found",
            "timeout": "origin_timeouts",
            "unreachable": "origin_unreachable",
            "failed": "origin_failures",
        },
        label="outcome",
    ),
    Metric("xfd_retries_total", "counter", "Requests that were sent again", {"": "retries"}),
    Metric(
        "xfd_verification_failures_total",
        "counter",
        "Chunks and objects that differed from their checksum",
        {"": "verification_failures"},
    ),
    Metric(
        "xfd_unpacked_entries_total",
        "counter",
        "Entries unpacked from archives",
        {"": "unpacked_entries"},
    ),
    Metric(
        "xfd_unpacked_bytes_total",
        "counter",
        "Bytes unpacked from archives",
        {"": "unpacked_bytes"},
        unit="bytes",
    ),
    Metric(
        "xfd_transfer_seconds",
        "histogram",
        "Time from a chunk's first byte to its last",
        {"origin": "transfer_seconds", "peer": "transfer_seconds"},
        label="source",
        unit="seconds",
        origin="worker",
    ),
    Metric(
        "xfd_disk_free_bytes",
        "gauge",
        "Bytes that are free on the disk of the folder that relative destinations lie under",
        {ANY: "disk_free_bytes"},
        label="root",
        unit="bytes",
        origin="worker",
    ),
    Metric(
        "xfd_disk_size_bytes",
        "gauge",
        "Size of that disk",
        {ANY: "disk_size_bytes"},
        label="root",
        unit="bytes",
        origin="worker",
    ),
    Metric(
        "xfd_build_info",
        "gauge",
        "1 for each worker that is up, by the version of xfd that it runs",
        {ANY: "build_info"},
        label="version",
        origin="worker",
    ),
    Metric(
        "xfd_nodes",
        "gauge",
        "Nodes, by the state of their worker; a node of two swarms counts in each",
        {state: f"nodes_{state}" for state in NODE_STATES},
        label="state",
        origin="coordinator",
    ),
    Metric(
        "xfd_workers_lost_total",
        "counter",
        "Workers that were lost while a swarm used them",
        {"": "workers_lost"},
        origin="coordinator",
    ),
    Metric("xfd_swarms", "gauge", "Swarms", {"": "swarms"}, origin="coordinator"),
    Metric(
        "xfd_leases",
        "gauge",
        "Calls that hold their files now, by how far they are",
        {state: f"leases_{state}" for state in LEASE_STATES},
        label="state",
        origin="coordinator",
    ),
    Metric(
        "xfd_leases_ended_total",
        "counter",
        "Calls that are over: with all files, with an error, given up before, or not renewed",
        {
            "done": "leases_ended_done",
            "failed": "leases_ended_failed",
            "cancelled": "leases_ended_cancelled",
            "expired": "leases_ended_expired",
        },
        label="outcome",
        origin="coordinator",
    ),
    Metric(
        "xfd_lease_missing_bytes_total",
        "counter",
        "Bytes of requested objects that a node lacked at the start, each once for its cluster",
        {"": "missing_bytes"},
        unit="bytes",
        origin="coordinator",
    ),
    Metric(
        "xfd_lease_bytes_total",
        "counter",
        "Bytes of requested objects on nodes, by where they came from, as reports have them",
        {
            "origin": "origin_bytes",
            "peer": "peer_bytes",
            "cache": "cached_bytes",
            "resumed": "resumed_bytes",
            "shared": "shared_bytes",
        },
        label="source",
        unit="bytes",
        origin="coordinator",
    ),
    Metric(
        "xfd_remaining_bytes",
        "gauge",
        "Bytes that the nodes of unfinished calls still lack",
        {"": "remaining_bytes"},
        unit="bytes",
        origin="coordinator",
    ),
    Metric(
        "xfd_progress_age_seconds",
        "gauge",
        "Time since a node of the slowest unfinished swarm received anything; 0 without one",
        {"": "progress_age_seconds"},
        unit="seconds",
        origin="coordinator",
    ),
    Metric(
        "xfd_amplification_ratio",
        "gauge",
        "Bytes read from the origin for each byte that was missing, of the last call that is done",
        {"": "amplification_ratio"},
        unit="ratio",
        origin="coordinator",
    ),
    Metric(
        "xfd_efficiency_ratio",
        "gauge",
        "Lower bound on the time divided by the time taken, of the last call that is done",
        {"": "efficiency_ratio"},
        unit="ratio",
        origin="coordinator",
    ),
    Metric(
        "xfd_coordinator_build_info",
        "gauge",
        "1 for each coordinator, by the version of xfd that it runs",
        {ANY: "build_info"},
        label="version",
        origin="coordinator",
    ),
)
