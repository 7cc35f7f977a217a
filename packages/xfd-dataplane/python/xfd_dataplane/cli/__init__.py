"""The command `xfd-get`."""

import os

INTERRUPTED = 130
"""The exit code of `exits`, which may not be loaded yet when it is needed."""

try:
    from xfd_dataplane.cli.main import main
except KeyboardInterrupt:
    # Nothing was begun; without this, Python would tell where in its imports it was.
    os._exit(INTERRUPTED)

__all__ = ["main"]
