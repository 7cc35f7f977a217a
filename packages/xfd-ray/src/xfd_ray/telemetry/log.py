"""Writes log events, the rows of `log_events`.

Each event is one JSON line on the standard error of its actor. Ray keeps that in its log folder and
shows it at the driver. Tokens, keys and credentials are never fields.

`XFD_LOG` in a node's environment sets the lowest level that is shown: debug, info, warning (the
default) or error. `XFD_TRACE` in a node's environment names a folder. Each process then writes its
events of all levels to a file `ROLE-NODE-PID.jsonl` there as well, and each swarm's scheduler
records its events and orders in `scheduler-SWARM.jsonl` (see `xfd_scheduler.trace`). Each lease
leaves its time line in `lease-ID.trace.json` (see `xfd_ray.report_trace`).

structlog is imported with the first event that is written. Most workers never write one, and all of
them start at the same moment.
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
from typing import Any, Final, TextIO, get_args

from xfd_api.errors import InvalidRequestError
from xfd_api.ids import NodeId
from xfd_api.reports import LogLevel
from xfd_ray.telemetry.log_events import Event

LEVELS: Final[tuple[str, ...]] = get_args(LogLevel)
_Line = MutableMapping[str, Any]

_lowest = logging.NOTSET
"""Events below this level are dropped before structlog is imported."""
_set_up: Callable[[], None] | None = None
"""Configures structlog before the first event is written; None once that is done."""


class Log:
    """Writes events; adds its own fields to each of them."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields
        self._bound: Any = None

    def emit(self, event: Event, /, **fields: Any) -> None:
        """Writes one event at its level; the field `exc_info` adds an exception's traceback."""
        global _set_up
        level = logging.getLevelName(event.level.upper())
        if level < _lowest:
            return
        if self._bound is None:
            import structlog

            if _set_up is not None:
                _set_up()
                _set_up = None
            self._bound = structlog.get_logger("xfd").bind(**self._fields)
        getattr(self._bound, event.level)(event.name, **fields)


def log_to_stderr(role: str = "xfd", node: NodeId | None = None) -> None:
    """Has this process log to standard error; keeps a configuration that structlog has already.

    Args:
        role: what the process is: "coordinator" or "worker". Its trace is named after it.
        node: the node of the process, for the same name.

    Raises:
        InvalidRequestError: `XFD_LOG` is no level.
    """
    global _lowest, _set_up
    known = sys.modules.get("structlog")
    if known is not None and known.is_configured():
        _lowest, _set_up = logging.NOTSET, None
        return
    shown = os.environ.get("XFD_LOG") or "warning"
    if shown not in LEVELS:
        raise InvalidRequestError(f"XFD_LOG is {shown!r}", remedy=f"Use one of {', '.join(LEVELS)}")
    name = "-".join([role, *([node[:12]] if node else []), str(os.getpid())])
    trace = _trace_file(f"{name}.jsonl")
    _lowest = logging.DEBUG if trace else logging.getLevelName(shown.upper())
    _set_up = partial(_configure, shown, trace)


def _configure(shown: str, trace: TextIO | None) -> None:
    import structlog

    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    if trace is not None:
        processors += [_writer(trace), _drop_below(shown)]
    structlog.configure(
        processors=[*processors, structlog.processors.JSONRenderer(default=repr)],
        wrapper_class=structlog.make_filtering_bound_logger("debug" if trace else shown),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def lowest_level() -> str:
    """The lowest level that is written anywhere, to standard error or to a trace."""
    return logging.getLevelName(max(_lowest, logging.DEBUG)).lower()


def trace_folder() -> Path | None:
    """The folder that `XFD_TRACE` names, or None."""
    named = os.environ.get("XFD_TRACE")
    return Path(named) if named else None


def process_age_s() -> float | None:
    """Seconds since this process was started, imports included; None if the kernel hides it."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        # See proc(5): the 22nd field of stat, in clock ticks after the machine's start.
        started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
    return None


def _trace_file(name: str) -> TextIO | None:
    folder = trace_folder()
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / name).open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        # A full or missing trace folder must not stop a worker.
        print(f"XFD_TRACE: no trace is written: {error}", file=sys.stderr)  # noqa: T201
        return None


def _writer(file: TextIO) -> Callable[[Any, str, _Line], _Line]:
    def write(_: Any, __: str, line: _Line) -> _Line:
        file.write(json.dumps(line, default=repr) + "\n")
        return line

    return write


def _drop_below(level: str) -> Callable[[Any, str, _Line], _Line]:
    import structlog

    lowest = logging.getLevelName(level.upper())

    def keep(_: Any, method: str, line: _Line) -> _Line:
        if logging.getLevelName(method.upper()) < lowest:
            raise structlog.DropEvent
        return line

    return keep
