"""The command `xfd-get`.

This module imports almost nothing: what takes time to import is imported in `main`, which handles
Ctrl-C.
"""

from __future__ import annotations

import os

from xfd_dataplane.cli.codes import INTERRUPTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `xfd-get`. Without arguments it takes those of the process, and ends the process.

    Returns:
        The exit code; `codes` explains each.
    """
    try:
        from xfd_dataplane.cli.main import run

        return run(arguments)
    except KeyboardInterrupt:
        # Nothing had started, or all is done. A traceback would only show where the imports were.
        os._exit(INTERRUPTED)
