"""Forwards the data plane's log events to Python's `logging`, as the logger `xfd_dataplane`.

Nothing is shown before the program configures `logging`. Events below the logger's level are not
even kept, so `debug` costs nothing unless it is switched on. A program that has not imported
`logging` cannot have configured it, and is spared the import, which takes 4 ms.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Final

from xfd_api.reports import LogEvent
from xfd_dataplane.node import Node

if TYPE_CHECKING:
    import logging

LEVELS: Final = {"error": 40, "warning": 30, "info": 20, "debug": 10}
"""The data plane's levels, as numbers of `logging`."""


def level_of(lowest: int) -> str | None:
    """The data plane's level for a level of `logging`; None for a level that keeps no event."""
    kept = [name for name, level in LEVELS.items() if level >= lowest]
    return min(kept, key=LEVELS.__getitem__, default=None)


def subscribe(node: Node) -> None:
    """Makes the data plane keep the events that the logger accepts."""
    if "logging" in sys.modules:
        node.log_from(level_of(_logger().getEffectiveLevel()))


def forward_log(node: Node) -> None:
    """Logs the events since the last call."""
    for event in node.drain_log():
        _logger().log(LEVELS[event.level], "%s", text_of(event))


@functools.cache
def _logger() -> logging.Logger:
    import logging  # Not needed by a program that does not log; see above.

    logger = logging.getLogger("xfd_dataplane")
    logger.addHandler(logging.NullHandler())
    return logger


def text_of(event: LogEvent) -> str:
    """The event on one line. Values are quoted, because they may come from a server."""
    return " ".join([event.name, *(f"{name}={value!r}" for name, value in event.fields.items())])
