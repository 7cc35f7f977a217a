"""Ends a command at the first SIGINT or SIGTERM, with its clean-up done."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from types import FrameType

CLEAN_UP_S = 10.0
"""Seconds after which another signal ends the process at once; the clean-up usually takes 0.2."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(BaseException):
    """SIGTERM as an exception, so that every `with` block on the way is left in order."""


@contextlib.contextmanager
def signals_unwrapped() -> Iterator[None]:
    """Raises what a signal raised, in place of the error that an extension makes of it.

    Ray looks for signals while it waits, and Python turns what their handler raises inside of a
    conversion into a `SystemError` with that as its cause.
    """
    try:
        yield
    except SystemError as error:
        if isinstance(error.__cause__, KeyboardInterrupt | Terminated):
            raise error.__cause__ from None
        raise


class EndOnSignal:
    """Raises an exception at the first signal, and keeps later ones from interrupting the clean-up.

    SIGINT raises KeyboardInterrupt, and SIGTERM `Terminated`. A signal that the process ignores, as
    in the background of a script, stays ignored.
    """

    def __init__(self) -> None:
        self._first_at: float | None = None

    def install(self) -> None:
        """Handles signals from now on."""
        for each in _SIGNALS:
            if signal.getsignal(each) is not signal.SIG_IGN:
                signal.signal(each, self._handle)

    def ignore(self) -> None:
        """Ignores signals from now on: the command is done, and nothing is left to interrupt."""
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._first_at is None:
            self._first_at = time.monotonic()
            raise KeyboardInterrupt if number == signal.SIGINT else Terminated
        if time.monotonic() - self._first_at > CLEAN_UP_S:
            os._exit(128 + number)
