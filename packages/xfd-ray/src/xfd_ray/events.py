"""The stable names of log events, and the loggers that write them.

Every event is one JSON line on the standard error of the actor it happened in, which Ray keeps in
its log folder and shows at the driver. Tokens, keys and credentials are never fields.
`XFD_LOG` in a node's environment sets the level: debug, info, warning (the default), error.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Final

COORDINATOR_STARTED: Final = "xfd.coordinator.started"
COORDINATOR_ENDING: Final = "xfd.coordinator.ending"
LEASE_OPENED: Final = "xfd.lease.opened"
LEASE_CLOSED: Final = "xfd.lease.closed"
LEASE_EXPIRED: Final = "xfd.lease.expired"
LEASE_DONE: Final = "xfd.lease.done"
LEASE_FAILED: Final = "xfd.lease.failed"
SWARM_STARTED: Final = "xfd.swarm.started"
SWARM_ENDED: Final = "xfd.swarm.ended"
CATALOG_GREW: Final = "xfd.swarm.catalog_grew"
NODE_STARTED: Final = "xfd.node.started"
NODE_JOINED: Final = "xfd.node.joined"
NODE_LOST: Final = "xfd.node.lost"
NODE_REFUSED: Final = "xfd.node.refused"
INVENTORY_TAKEN: Final = "xfd.node.inventory_taken"
ORDER_FAILED: Final = "xfd.order.failed"
OBJECT_FAILED: Final = "xfd.object.failed"
INTERNAL_ERROR: Final = "xfd.internal_error"


def log_to_stderr() -> None:
    """Sets structlog up for a process of our own, unless something has set it up already."""
    import structlog

    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=repr),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(os.environ.get("XFD_LOG", "warning")),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def logger(**fields: Any) -> Any:
    """A structlog logger that adds `fields` to each of its events."""
    import structlog

    return structlog.get_logger("xfd").bind(**fields)
