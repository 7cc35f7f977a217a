"""The loggers of our processes.

Every event (`events`) is one JSON line on the standard error of the actor it happened in, which Ray
keeps in its log folder and shows at the driver. Tokens, keys and credentials are never fields.
`XFD_LOG` in a node's environment sets the level: debug, info, warning (the default), error.
`XFD_TRACE` in a node's environment names a folder; every event, whatever its level, is then also
written there, to one `ROLE-NODE-PID.jsonl` per process, and each swarm's scheduler records what it
was told and ordered as `scheduler-SWARM.jsonl` (see `xfd_scheduler.trace`).

structlog is imported when there is something to write. Most workers never have anything, and they
all start at the same moment.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable, MutableMapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from xfd_api.errors import InvalidRequestError
from xfd_api.ids import NodeId

LEVELS: Final = ("debug", "info", "warning", "error")
Event = MutableMapping[str, Any]

_least = logging.NOTSET
"""Events below this level are not written."""
_set_up: Callable[[], None] | None = None
"""What is still to be done before the first event is written."""


class Log:
    """Writes events, each with the same fields in it."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields
        self._bound: Any = None

    def debug(self, event: str, **fields: Any) -> None:
        """What each step of a distribution leaves behind."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """What is worth knowing of a run that goes well."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """What went wrong and was got over."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """What should not have happened."""
        self._write(logging.ERROR, event, fields)

    def _write(self, level: int, event: str, fields: dict[str, Any]) -> None:
        global _set_up
        if level < _least:
            return
        if self._bound is None:
            import structlog

            if _set_up is not None:
                _set_up()
                _set_up = None
            self._bound = structlog.get_logger("xfd").bind(**self._fields)
        getattr(self._bound, logging.getLevelName(level).lower())(event, **fields)


def logger(**fields: Any) -> Log:
    """A logger that adds `fields` to each of its events."""
    return Log(fields)


def log_to_stderr(role: str = "xfd", node: NodeId | None = None) -> None:
    """Sets structlog up for a process of our own, unless something has set it up already.

    Args:
        role: what the process is; with the node, the name of its trace.
        node: where it runs.

    Raises:
        InvalidRequestError: `XFD_LOG` is no level.
    """
    global _least, _set_up
    known = sys.modules.get("structlog")
    if known is not None and known.is_configured():
        _least, _set_up = logging.NOTSET, None
        return
    shown = os.environ.get("XFD_LOG") or "warning"
    if shown not in LEVELS:
        raise InvalidRequestError(f"XFD_LOG is {shown!r}", remedy=f"Use one of {', '.join(LEVELS)}")
    name = "-".join([role, *([node[:12]] if node else []), str(os.getpid())])
    trace = _trace_file(f"{name}.jsonl")
    _least = logging.DEBUG if trace else logging.getLevelName(shown.upper())
    _set_up = partial(_configure, shown, trace)


def _configure(shown: str, trace: Any) -> None:
    import structlog

    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    if trace is not None:
        processors += [_writer(trace), _shown_from(shown)]
    structlog.configure(
        processors=[*processors, structlog.processors.JSONRenderer(default=repr)],
        wrapper_class=structlog.make_filtering_bound_logger("debug" if trace else shown),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def lowest_level() -> str:
    """The level from which on events are written somewhere."""
    return logging.getLevelName(max(_least, logging.DEBUG)).lower()


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
