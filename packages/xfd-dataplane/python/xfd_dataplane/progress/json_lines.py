"""Prints progress as JSON, one object a line, for programs. docs/operation.md has the fields."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from xfd_api.progress import PHASES, Progress, finding
from xfd_api.sanitize import sanitized_json
from xfd_dataplane.progress.outlet import to_stderr

SCHEMA = 1
"""Raised when a field changes its meaning or goes; fields may be added without that."""

AT_LEAST_S = 1.0
"""Time between two lines of one phase, in seconds."""


def document(now: Progress) -> dict[str, Any]:
    """The JSON object of a `Progress`: its fields by their names, in bytes and seconds.

    Example:
        >>> document(finding(0.0))["phase"]
        'finding'
    """
    fields = asdict(now)
    fields["elapsed_s"] = round(now.elapsed_s, 3)
    for name in ("bytes_per_s", "left_s"):
        fields[name] = None if fields[name] is None else round(fields[name], 1)
    for node in fields["per_node"]:
        node["bytes_per_s"] = None if node["bytes_per_s"] is None else round(node["bytes_per_s"], 1)
    return {"event": "progress", "schema": SCHEMA, **fields}


class JsonLines:
    """Call it with each `Progress`.

    Args:
        write: called with each line; None writes it to standard error.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        write: Callable[[str], None] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write or to_stderr
        self._clock = clock
        self._latest = -1
        self._printed_at = 0.0
        self(finding(0.0))

    def __call__(self, now: Progress) -> None:
        """Prints a line if a later phase has begun, or the last line is a second old."""
        at = self._clock()
        phase = PHASES.index(now.phase)
        if phase <= self._latest and at - self._printed_at < AT_LEAST_S:
            return
        self._latest, self._printed_at = max(self._latest, phase), at
        self._write(sanitized_json(json.dumps(document(now))))
