"""Every log event of xfd, in one table: its name, its level, what happened, and its fields.

Names, levels and fields are stable, so that programs can read the logs. Events are written by
`Log.emit` (see `log`), which adds the fields that the `Log` was made with: `node` on a worker,
`swarm` in a swarm's part of the coordinator. Those of the data plane take the same way: its worker
collects them and adds `at_s`, the moment in seconds since 1970 at which each one happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from xfd_api.reports import LogLevel

DATA_PLANE_PREFIX: Final = "xfd.dataplane."
"""Stands before the names that the data plane gives to its events."""


@dataclass(frozen=True, slots=True)
class Event:
    """A kind of log event, one row of the table.

    Attributes:
        name: stable, lower case, with dots between subject and event.
        meaning: what happened, in one sentence.
        fields: the fields that each such event may have, besides those of its `Log`.
    """

    name: str
    level: LogLevel
    meaning: str
    fields: tuple[str, ...] = ()


COORDINATOR_UP: Final = Event(
    "xfd.coordinator.up", "debug", "The coordinator's process has started.", ("process_age_s",)
)
COORDINATOR_STARTED: Final = Event(
    "xfd.coordinator.started", "info", "The coordinator takes leases."
)
COORDINATOR_ENDING: Final = Event(
    "xfd.coordinator.ending", "info", "The coordinator ends: no lease is open or expected."
)
LEASE_OPENED: Final = Event(
    "xfd.lease.opened", "info", "A driver asks for objects.", ("lease", "lookups")
)
LIMITS_DIFFER: Final = Event(
    "xfd.lease.limits_differ",
    "warning",
    "A lease joins a swarm that works with other limits than it asked for.",
    ("lease", "asked", "used"),
)
LEASE_WAITS: Final = Event(
    "xfd.lease.waits",
    "info",
    "A lease waits until others that pinned another version of an object are closed.",
    ("lease", "error"),
)
LEASE_CLOSED: Final = Event("xfd.lease.closed", "info", "A driver closed its lease.", ("lease",))
LEASE_EXPIRED: Final = Event(
    "xfd.lease.expired", "warning", "A driver stopped renewing its lease.", ("lease",)
)
LEASE_DONE: Final = Event(
    "xfd.lease.done", "info", "All nodes of a lease have all its objects.", ("lease",)
)
LEASE_FAILED: Final = Event(
    "xfd.lease.failed", "info", "A lease ended with an error.", ("lease", "error")
)
SWARM_STARTED: Final = Event(
    "xfd.swarm.started",
    "info",
    "A swarm starts; `clock` is its scheduler's time, in seconds.",
    ("clock",),
)
SWARM_ENDED: Final = Event("xfd.swarm.ended", "info", "The last lease of a swarm is closed.")
CATALOG_GREW: Final = Event(
    "xfd.swarm.catalog_grew",
    "info",
    "A lease added objects to the swarm's catalog.",
    ("objects", "chunks"),
)
METRICS_UNAVAILABLE: Final = Event(
    "xfd.metrics.unavailable",
    "warning",
    "A process cannot export its metrics as asked, and goes on without.",
    ("error",),
)
WORKER_UP: Final = Event(
    "xfd.worker.up", "debug", "A worker's process has started.", ("process_age_s",)
)
WORKER_SERVING: Final = Event(
    "xfd.worker.serving", "debug", "A worker's data plane and its servers run."
)
WORKER_JOINED: Final = Event("xfd.worker.joined", "debug", "A worker joined a swarm.", ("swarm",))
WORKER_EXTENDED: Final = Event(
    "xfd.worker.extended",
    "debug",
    "A worker compared new objects of the catalog with its disk.",
    ("swarm", "landed"),
)
WORKER_LEFT: Final = Event("xfd.worker.left", "debug", "A worker left a swarm.", ("swarm",))
OBJECTS_FOUND: Final = Event(
    "xfd.worker.objects_found", "debug", "A worker looked objects up at the origin.", ("objects",)
)
ORDERS_TAKEN: Final = Event(
    "xfd.worker.orders_taken",
    "debug",
    "A worker received fetch orders; `runs` are pairs of a first order and a count.",
    ("swarm", "runs"),
)
CHUNK_HELD: Final = Event(
    "xfd.worker.chunk_held",
    "debug",
    "A worker holds a chunk, verified.",
    ("swarm", "order", "chunk", "source", "size", "seconds", "transfer_seconds"),
)
OBJECT_LANDED: Final = Event(
    "xfd.worker.object_landed",
    "debug",
    "An object is whole at its destination.",
    ("swarm", "object"),
)
NODE_STARTED: Final = Event(
    "xfd.node.started",
    "info",
    "A node's worker is ready for use.",
    ("node", "peer_address", "metrics_address", "root", "pid"),
)
NODE_JOINED: Final = Event("xfd.node.joined", "info", "A node joined the swarm.", ("node",))
NODE_LOST: Final = Event(
    "xfd.node.lost", "warning", "A node does not answer any more.", ("node", "error")
)
NODE_REFUSED: Final = Event(
    "xfd.node.refused", "warning", "A node's worker cannot be used.", ("node", "error")
)
INVENTORY_TAKEN: Final = Event(
    "xfd.node.inventory_taken",
    "info",
    "A node reported what it has of new objects.",
    ("node", "objects", "landed", "elsewhere", "again"),
)
ORDER_FAILED: Final = Event(
    "xfd.order.failed",
    "info",
    "A node could not fetch a chunk; the scheduler orders it again.",
    ("node", "chunk", "source", "fault", "error"),
)
ORIGIN_RESTS: Final = Event(
    "xfd.origin.rests",
    "info",
    "The origin named the reset of its rate limit: no node reads it for `rest_s` seconds.",
    ("node", "rest_s", "error"),
)
OBJECT_FAILED: Final = Event(
    "xfd.object.failed",
    "warning",
    "Objects cannot be brought to a node.",
    ("node", "objects", "error"),
)
TRACE_NOT_WRITTEN: Final = Event(
    "xfd.trace.not_written", "warning", "The folder of `XFD_TRACE` cannot be used.", ("error",)
)
INTERNAL_ERROR: Final = Event("xfd.internal_error", "error", "A bug of xfd.", ("error",))

EVENTS: Final = tuple(row for row in list(globals().values()) if isinstance(row, Event))
"""The events of the coordinator and the workers."""


def data_plane_event(name: str, level: LogLevel, meaning: str = "", *fields: str) -> Event:
    """The event that the data plane logs under this name."""
    return Event(DATA_PLANE_PREFIX + name, level, meaning, ("at_s", *fields))


DATA_PLANE_EVENTS: Final = (
    data_plane_event(
        "blob_not_taken",
        "info",
        "A file in the hub cache is not what its name says, and is fetched again.",
        "path",
        "error",
    ),
    data_plane_event(
        "cache_index_failed",
        "warning",
        "The index of the node's cache cannot be used; what the swarm brings is not entered.",
        *("path", "error"),
    ),
    data_plane_event(
        "cache_pruned",
        "info",
        "What exceeded the cache's quota or age was removed; `kept` entries cannot go.",
        *("removed", "bytes", "kept"),
    ),
    data_plane_event(
        "checksum_lookup_failed", "warning", "A HEAD for an object's checksum failed.", "error"
    ),
    data_plane_event(
        "chunk_record_not_removed", "warning", "A journal still names a discarded chunk.", "error"
    ),
    data_plane_event(
        "chunk_read_failed", "warning", "A chunk for a peer cannot be read.", "chunk", "error"
    ),
    data_plane_event(
        "chunks_damaged_on_disk",
        "warning",
        "Chunks of an earlier run differ from their checksums, and are fetched again.",
        "count",
    ),
    data_plane_event(
        "file_not_touched",
        "warning",
        "A damaged file keeps its time, so another request's record may still count.",
        "error",
    ),
    data_plane_event(
        "file_not_trusted",
        "warning",
        "A record, journal or part file is ignored, because others can write to it.",
        "path",
        "why",
    ),
    data_plane_event(
        "file_not_removed", "warning", "A file of xfd cannot be removed.", "path", "error"
    ),
    data_plane_event(
        "folder_not_synced", "warning", "A power loss may undo the last file's name.", "error"
    ),
    data_plane_event(
        "held_chunk_differs_from_its_pin",
        "warning",
        "A chunk differs from the checksum that the swarm agreed on, and is fetched again.",
        "chunk",
    ),
    data_plane_event(
        "held_chunk_unreadable",
        "warning",
        "A chunk on disk cannot be read, and is fetched again.",
        "chunk",
        "error",
    ),
    data_plane_event("leave_failed", "error", "The store of a swarm could not be closed.", "error"),
    data_plane_event(
        "log_events_dropped",
        "warning",
        "More events came than are kept; `count` of the oldest are lost.",
        "count",
    ),
    data_plane_event(
        "manifest_not_compacted",
        "warning",
        "A manifest was not compacted.",
        "error",
    ),
    data_plane_event(
        "node_reconfigured",
        "info",
        "A running node works with other settings.",
        "node_parallelism",
        "max_uploads",
    ),
    data_plane_event(
        "object_chunks_suspect",
        "info",
        "An object's checksum is wrong although its chunks' are right.",
        "object",
        "error",
    ),
    data_plane_event("object_failed", "info", "An object cannot land here.", "object", "error"),
    data_plane_event(
        "order_failed",
        "info",
        "A chunk could not be fetched.",
        *("chunk", "fault", "bad_bytes", "is_final", "error"),
    ),
    data_plane_event(
        "origin_answer_abandoned",
        "debug",
        "An answer takes far longer than others, and is asked for anew.",
        "key",
    ),
    data_plane_event(
        "origin_body_abandoned",
        "debug",
        "A body is far slower than others, and is asked for anew.",
        "from",
        "at",
    ),
    data_plane_event(
        "origin_request_retried", "debug", "A request is sent again after `wait`.", "error", "wait"
    ),
    data_plane_event(
        "origin_rests",
        "debug",
        "The origin named the reset of its rate limit, and gets no request of this node before.",
        "rest_s",
        "error",
    ),
    data_plane_event("origin_throttled", "info", "The origin asked for fewer requests."),
    data_plane_event("panicked", "error", "A bug of xfd, in Rust.", "what", "said"),
    data_plane_event(
        "peer_accept_failed",
        "warning",
        "A peer's connection was not accepted.",
        "error",
        "has_room",
    ),
    data_plane_event(
        "peer_asked_to_check",
        "warning",
        "A peer sent bytes that differ from their checksum, and is asked to read them again.",
        "chunk",
        "peer",
    ),
    data_plane_event(
        "peer_body_resumed", "debug", "A body of a peer broke, and its rest is asked for.", "error"
    ),
    data_plane_event(
        "peer_congestion_control",
        "info",
        "The host's congestion control shares links unevenly, and another one is asked for.",
        "chosen",
        "other",
        "is_set",
    ),
    data_plane_event(
        "peer_connection_ended", "debug", "A connection ended with an error.", "error"
    ),
    data_plane_event(
        "peer_connection_evicted", "debug", "A connection was closed for another one.", "is_peer"
    ),
    data_plane_event("peer_request_refused", "debug", "A request was refused.", "status"),
    data_plane_event("peer_server_started", "info", "The peer server listens.", "address"),
    data_plane_event(
        "record_not_restored",
        "warning",
        "The record of a tree is missing after a failed unpacking.",
        "error",
    ),
    data_plane_event(
        "record_not_copied",
        "debug",
        "A cached file's record stays where another request has left it.",
        "error",
    ),
    data_plane_event(
        "record_not_synced",
        "warning",
        "A power loss may undo a record; its file is fetched again then.",
        "error",
    ),
    data_plane_event(
        "record_not_written",
        "warning",
        "A blob of the hub cache has no record, and is read again by the next run.",
        "error",
    ),
    data_plane_event(
        "record_not_removed", "warning", "A record still names an object that is gone.", "error"
    ),
    data_plane_event(
        "staged_tree_not_removed", "warning", "A staged tree is left on disk.", "name", "error"
    ),
    data_plane_event("swarm_joined", "info", "The node joined a swarm.", "swarm"),
    data_plane_event("swarm_left", "info", "The node left a swarm.", "swarm", "in_time"),
    data_plane_event(
        "twin_not_landed",
        "info",
        "What was taken from another destination differs from its checksums, and is fetched.",
        *("object", "error"),
    ),
    data_plane_event(
        "twin_not_taken",
        "info",
        "The same object at another destination could not be copied, and is fetched.",
        *("path", "error"),
    ),
)
"""The events of the data plane; see `DATA_PLANE_PREFIX` for their names there."""
