"""A terminal that a program runs in, and a picture of what it shows."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

COLUMNS = 100
ROWS = 40
ENOUGH_S = 0.3
"""How long a program prints nothing before its screen counts as whole."""


class Terminal:
    """Runs one program in a terminal of its own, and knows what it shows."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._changed = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})},
            start_new_session=True,
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, args=(ours,), daemon=True)
        self._reader.start()

    def _read(self, terminal: int) -> None:
        with os.fdopen(terminal, "rb", buffering=0) as output:
            while True:
                try:
                    shown = output.read(65536)
                except OSError:  # The program has ended, and closed its side.
                    return
                with self._lock:
                    self._stream.feed(shown)
                    self._changed = time.monotonic()

    def lines(self) -> list[str]:
        """The rows as they are now, without spaces at their ends."""
        with self._lock:
            return [row.rstrip() for row in self._screen.display]

    def wait(self, shows: Callable[[str], bool], timeout_s: float = 120.0) -> None:
        """Returns when the screen shows something.

        Raises:
            TimeoutError: it does not show it in time; the message is the screen.
        """
        until = time.monotonic() + timeout_s
        while not shows("\n".join(self.lines())):
            if time.monotonic() > until:
                raise TimeoutError("\n".join(self.lines()))
            time.sleep(0.05)

    def end(self, timeout_s: float = 120.0) -> int:
        """Waits for the program's end; returns its exit code."""
        code = self.process.wait(timeout_s)
        self._reader.join(timeout_s)
        return code

    def picture(self, title: str) -> str:
        """What it shows now, as an SVG document."""
        with self._lock:
            rows = [self._row(row) for row in range(ROWS)]
        while rows and not rows[-1].plain.strip():
            rows.pop()
        console = Console(record=True, width=COLUMNS, file=io.StringIO(), color_system="truecolor")
        for row in rows:
            console.print(row, no_wrap=True, overflow="crop")
        return console.export_svg(title=title, unique_id=_id_of(title))

    def _row(self, row: int) -> Text:
        cells = self._screen.buffer[row]
        text = Text()
        for column in range(COLUMNS):
            cell = cells[column]
            style = Style(
                color=_colour(cell.fg), bgcolor=_colour(cell.bg), bold=cell.bold, dim=False
            )
            text.append(cell.data, style)
        text.rstrip()
        return text


_NAMES = {"brown": "yellow", "brightbrown": "bright_yellow"}


def _colour(name: str) -> str | None:
    if name == "default":
        return None
    if len(name) == 6 and all(digit in "0123456789abcdef" for digit in name):
        return f"#{name}"
    return _NAMES.get(name, name.replace("bright", "bright_"))


def of_lines(lines: Sequence[str], title: str) -> str:
    """Lines of a file or a pipe, as an SVG document."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    for line in lines:
        console.print(Text(line), overflow="fold")
    return console.export_svg(title=title, unique_id=_id_of(title))


def _id_of(title: str) -> str:
    """What names the classes of a picture: the same in each run, and another in each picture."""
    return "".join(letter if letter.isalnum() else "-" for letter in title)
