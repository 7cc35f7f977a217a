"""Prints what the data plane logs to standard error, for `-v`."""

from __future__ import annotations

from xfd_dataplane.cli import output


def show_log(verbose: int) -> None:
    """Shows log events from now on: from `info` on for 1, all for more; nothing for 0.

    A retried request, a refused answer and a damaged chunk are such events; `debug` has each step.
    """
    if verbose == 0:
        return
    import logging  # Takes 4 ms, and is needed for this alone.

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            output.complain(f"{record.levelname.lower()}: {record.getMessage()}")

    logger = logging.getLogger("xfd_dataplane")
    logger.addHandler(Lines())
    logger.setLevel(logging.INFO if verbose == 1 else logging.DEBUG)
