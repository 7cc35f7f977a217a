"""Every metric of a node, in one table.

The data plane counts what `NodeCounters` has, under the same names (`stats.rs`). It reports them
with each `NodeReport`. `METRICS` gives the exported name and label of each counter. The Prometheus
endpoint (`xfd_ray.worker.exposition`) and the table in docs/telemetry.md follow from it.

A new counter is a field of `NodeCounters`, a line in `stats.rs` and a series here; tests fail until
all three agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram"]
Unit = Literal["bytes", "seconds"]
Origin = Literal["data plane", "worker"]
"""data plane: counted in Rust, a field of `NodeCounters`. worker: observed by the node's worker in
the `ChunkHeld` events that the data plane reports."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, a row of the table.

    Attributes:
        name: as a scrape shows it. Exported names do not change.
        kind: counters only grow; gauges go up and down.
        help: what one unit of it is, for Prometheus and the documents.
        series: the field that is exported, by the label's value; the value is "" without a label.
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
        "Requests to the origin that ended: answered, or failed",
        {"answered": "origin_answers", "failed": "origin_failures"},
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
)
