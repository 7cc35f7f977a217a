"""The data plane's log events in Python's `logging`, as the logger `xfd_dataplane`.

Nothing is shown before the program sets `logging` up. The logger's level is the level from which on
events are kept at all, so `debug` costs nothing while nobody asks for it.
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
    """The name of the data plane's level for one of `logging`'s; None if that keeps no event."""
    kept = [name for name, level in LEVELS.items() if level >= lowest]
    return min(kept, key=LEVELS.__getitem__, default=None)


def listen(node: Node) -> None:
    """Has the data plane keep what the logger would take."""
    node.log_from(level_of(LOGGER.getEffectiveLevel()))


def pass_on(node: Node) -> None:
    """Logs what has happened since the last call."""
    for event in node.drain_log():
        LOGGER.log(LEVELS[event.level], "%s", text_of(event))


def text_of(event: LogEvent) -> str:
    """One line. Texts are quoted as Python does it: they may be a server's."""
    return " ".join([event.name, *(f"{name}={value!r}" for name, value in event.fields.items())])
