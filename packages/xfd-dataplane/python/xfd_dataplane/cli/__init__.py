"""The command `xfd-get`.

Loads next to nothing by itself: what takes time to load is loaded where Ctrl-C is heeded.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130
"""The exit code of `exits`, which may not be loaded yet when it is needed."""

__all__ = ["INTERRUPTED", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `xfd-get`. Without arguments it takes those of the process, and ends the process.

    Returns:
        The exit code; `exits` says what it means.
    """
    try:
        from xfd_dataplane.cli import frame

        return frame.run(arguments)
    except KeyboardInterrupt:
        # Nothing was begun, or all is over; else Python would tell where in its imports it was.
        os._exit(INTERRUPTED)
