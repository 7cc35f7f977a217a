"""The stable names of log events, and the loggers that write them.

Every event is one JSON line on the standard error of the actor it happened in, which Ray keeps in
its log folder and shows at the driver. Tokens, keys and credentials are never fields.
`XFD_LOG` in a node's environment sets the level: debug, info, warning (the default), error.
`XFD_TRACE` in a node's environment names a folder; every event, whatever its level, is then also
written there, to one `ROLE-NODE-PID.jsonl` per process, and each swarm's scheduler records what it
was told and ordered as `scheduler-SWARM.jsonl` (see `xfd_scheduler.simulator.trace`).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any, Final

from xfd_api.errors import InvalidRequestError
from xfd_api.ids import NodeId

COORDINATOR_UP: Final = "xfd.coordinator.up"
COORDINATOR_STARTED: Final = "xfd.coordinator.started"
COORDINATOR_ENDING: Final = "xfd.coordinator.ending"
LEASE_OPENED: Final = "xfd.lease.opened"
LIMITS_DIFFER: Final = "xfd.lease.limits_differ"
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


LEVELS: Final = ("debug", "info", "warning", "error")
Event = MutableMapping[str, Any]


def log_to_stderr(role: str = "xfd", node: NodeId | None = None) -> None:
    """Sets structlog up for a process of our own, unless something has set it up already.

    Args:
        role: what the process is; with the node, the name of its trace.
        node: where it runs.

    Raises:
        InvalidRequestError: `XFD_LOG` is no level.
    """
    import structlog

    if structlog.is_configured():
        return
    shown = os.environ.get("XFD_LOG") or "warning"
    if shown not in LEVELS:
        raise InvalidRequestError(f"XFD_LOG is {shown!r}", remedy=f"Use one of {', '.join(LEVELS)}")
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    name = "-".join([role, *([node[:12]] if node else []), str(os.getpid())])
    trace = _trace_file(f"{name}.jsonl")
    if trace is not None:
        processors += [_writer(trace), _shown_from(shown)]
    structlog.configure(
        processors=[*processors, structlog.processors.JSONRenderer(default=repr)],
        wrapper_class=structlog.make_filtering_bound_logger("debug" if trace else shown),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def trace_folder() -> Path | None:
    """Where this process is to write what it does, if anywhere."""
    named = os.environ.get("XFD_TRACE")
    return Path(named) if named else None


def process_age_s() -> float | None:
    """How long ago this process was started, imports included; None where that is not told."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        # See proc(5): the 22nd field of stat, in clock ticks after the machine's start.
        began = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - began / os.sysconf("SC_CLK_TCK")
    return None


def logger(**fields: Any) -> Any:
    """A structlog logger that adds `fields` to each of its events."""
    import structlog

    return structlog.get_logger("xfd").bind(**fields)


def _trace_file(name: str) -> Any:
    folder = trace_folder()
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / name).open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        # A worker without a trace is better than none.
        print(f"XFD_TRACE: no trace is written: {error}", file=sys.stderr)  # noqa: T201
        return None


def _writer(file: Any) -> Callable[[Any, str, Event], Event]:
    def write(_: Any, __: str, event: Event) -> Event:
        file.write(json.dumps(event, default=repr) + "\n")
        return event

    return write


def _shown_from(level: str) -> Callable[[Any, str, Event], Event]:
    import structlog

    lowest = logging.getLevelName(level.upper())

    def keep(_: Any, method: str, event: Event) -> Event:
        if logging.getLevelName(method.upper()) < lowest:
            raise structlog.DropEvent
        return event

    return keep
