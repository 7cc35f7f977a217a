"""Forwards the data plane's log events to Python's `logging`, as the logger `xfd_dataplane`.

Nothing is shown before the program configures `logging`. Events below the logger's level are not
even kept, so `debug` costs nothing unless it is switched on.
"""

from __future__ import annotations

import logging
from typing import Final

from xfd_api.reports import LogEvent
from xfd_dataplane._native import Node

LOGGER: Final = logging.getLogger("xfd_dataplane")
LOGGER.addHandler(logging.NullHandler())

LEVELS: Final = {
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}


def level_of(lowest: int) -> str | None:
    """The data plane's level for a level of `logging`; None for a level that keeps no event."""
    kept = [name for name, level in LEVELS.items() if level >= lowest]
    return min(kept, key=LEVELS.__getitem__, default=None)


def subscribe(node: Node) -> None:
    """Makes the data plane keep the events that the logger accepts."""
    node.log_from(level_of(LOGGER.getEffectiveLevel()))


def forward_log(node: Node) -> None:
    """Logs the events since the last call."""
    for event in node.drain_log():
        LOGGER.log(LEVELS[event.level], "%s", text_of(event))


def text_of(event: LogEvent) -> str:
    """The event on one line. Values are quoted, because they may come from a server."""
    return " ".join([event.name, *(f"{name}={value!r}" for name, value in event.fields.items())])
