"""Where progress is displayed: on a terminal, in a notebook, or where only lines can go."""

from __future__ import annotations

import os
import sys
from typing import Literal

from xfd_api.sanitize import sanitized

Place = Literal["terminal", "notebook", "elsewhere"]


def place() -> Place:
    """Where standard error goes. A job's log, a pipe and a file are elsewhere.

    So is a terminal that cannot move its cursor, such as an editor's.
    """
    if _is_notebook():
        return "notebook"
    if os.environ.get("TERM", "").lower() in ("dumb", "unknown"):
        return "elsewhere"
    try:
        return "terminal" if sys.stderr is not None and sys.stderr.isatty() else "elsewhere"
    except ValueError:  # It was closed.
        return "elsewhere"


def _is_notebook() -> bool:
    """Whether this process is a notebook's kernel."""
    # Nothing is imported for this: in a kernel, IPython is loaded.
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def to_stderr(line: str) -> None:
    """Writes a line to standard error, unless that is closed."""
    if sys.stderr is not None:
        try:
            sys.stderr.write(sanitized(line) + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            return
