"""Tables on standard output: coloured and framed on a terminal, plain columns in a pipe."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from xfd_api.sanitize import sanitized
from xfd_dataplane.cli import output

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDE = 10_000
"""Columns of a pipe, where no line is broken."""


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Sequence[str] = (),
    styles: Mapping[str, str] | None = None,
) -> Table:
    """A table for `show`.

    Args:
        columns: their names.
        rows: a text for each column.
        right: the columns that are aligned to the right.
        styles: the style of a cell by its text, for example `{"failed": "red"}`.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(sanitized(cell), (styles or {}).get(cell, "")) for cell in row))
    return made


def show(*parts: Table | str) -> None:
    """Prints lines and tables to standard output."""
    if sys.stdout.isatty():
        console = _console()
        for part in parts:
            console.print(sanitized(part) if isinstance(part, str) else part)
        return
    for part in parts:
        for line in [part] if isinstance(part, str) else plain_lines(part):
            output.say(line)


@contextlib.contextmanager
def live() -> Iterator[Callable[..., None]]:
    """A part of the terminal that changes during a block: a function that is called as `show`."""
    from rich.console import Group
    from rich.live import Live

    with Live(console=_console(), auto_refresh=False) as shown:

        def update(*parts: Table | str) -> None:
            lines = (sanitized(part) if isinstance(part, str) else part for part in parts)
            shown.update(Group(*lines), refresh=True)

        yield update


def text_width() -> int:
    """Columns for a text: those of the terminal, and enough for any table in a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 160


def plain_lines(shown: Table) -> list[str]:
    """The lines of a table in a pipe: columns without frame or colour, none of them broken."""
    from rich.console import Console

    console = Console(width=_WIDE, color_system=None, force_jupyter=False, force_terminal=False)
    shown.box = None
    with console.capture() as captured:
        console.print(shown)
    return [line.rstrip() for line in captured.get().splitlines()]


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False, force_jupyter=False)
