"""Keeps standard output for the command's own results."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Any, TextIO, cast


@contextlib.contextmanager
def own_stdout() -> Iterator[None]:
    """What other threads than this one print to stdout during a block goes to stderr.

    Ray prints messages to stdout from threads of its own, for example that a node was lost. In a
    pipe, or in the middle of a JSON document, they would damage the result.
    """
    with contextlib.redirect_stdout(cast("TextIO", _OwnStdout(sys.stdout))):
        yield


class _OwnStdout:
    """A stream for the thread that made it; what others write goes to stderr."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._owner = threading.current_thread()

    def write(self, text: str) -> int:
        own = threading.current_thread() is self._owner
        return (self._stream if own else sys.stderr).write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
