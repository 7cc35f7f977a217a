"""The stable names of log events; `logs` says where they are written."""

from __future__ import annotations

from typing import Final

COORDINATOR_UP: Final = "xfd.coordinator.up"
COORDINATOR_STARTED: Final = "xfd.coordinator.started"
COORDINATOR_ENDING: Final = "xfd.coordinator.ending"
LEASE_OPENED: Final = "xfd.lease.opened"
LIMITS_DIFFER: Final = "xfd.lease.limits_differ"
LEASE_WAITS: Final = "xfd.lease.waits"
LEASE_CLOSED: Final = "xfd.lease.closed"
LEASE_EXPIRED: Final = "xfd.lease.expired"
LEASE_DONE: Final = "xfd.lease.done"
LEASE_FAILED: Final = "xfd.lease.failed"
SWARM_STARTED: Final = "xfd.swarm.started"
SWARM_ENDED: Final = "xfd.swarm.ended"
CATALOG_GREW: Final = "xfd.swarm.catalog_grew"
WORKER_UP: Final = "xfd.worker.up"
WORKER_SERVING: Final = "xfd.worker.serving"
WORKER_JOINED: Final = "xfd.worker.joined"
WORKER_EXTENDED: Final = "xfd.worker.extended"
WORKER_LEFT: Final = "xfd.worker.left"
OBJECTS_FOUND: Final = "xfd.worker.objects_found"
ORDERS_TAKEN: Final = "xfd.worker.orders_taken"
CHUNK_HELD: Final = "xfd.worker.chunk_held"
OBJECT_LANDED: Final = "xfd.worker.object_landed"
NODE_STARTED: Final = "xfd.node.started"
NODE_JOINED: Final = "xfd.node.joined"
NODE_LOST: Final = "xfd.node.lost"
NODE_REFUSED: Final = "xfd.node.refused"
INVENTORY_TAKEN: Final = "xfd.node.inventory_taken"
ORDER_FAILED: Final = "xfd.order.failed"
OBJECT_FAILED: Final = "xfd.object.failed"
INTERNAL_ERROR: Final = "xfd.internal_error"

DATA_PLANE_PREFIX: Final = "xfd.dataplane."
"""Before the names of what the data plane logs; fields are its own, `at_s` when it happened."""
DATA_PLANE_EVENTS: Final = frozenset(
    {
        "checksum_not_told",
        "chunk_not_taken_back",
        "chunk_read_failed",
        "chunks_damaged_on_disk",
        "file_not_believed",
        "file_not_removed",
        "folder_not_synced",
        "held_chunk_differs_from_its_pin",
        "held_chunk_unreadable",
        "leaving_failed",
        "log_events_dropped",
        "manifest_not_tidied",
        "node_reconfigured",
        "object_chunks_suspect",
        "object_failed",
        "order_failed",
        "origin_body_left_behind",
        "origin_request_retried",
        "origin_throttled",
        "panicked",
        "peer_accept_failed",
        "peer_asked_to_check",
        "peer_body_resumed",
        "peer_congestion_control",
        "peer_connection_ended",
        "peer_connection_made_room",
        "peer_request_refused",
        "peer_server_started",
        "record_not_put_back",
        "record_not_taken_back",
        "staged_tree_not_removed",
        "swarm_joined",
        "swarm_left",
    }
)
