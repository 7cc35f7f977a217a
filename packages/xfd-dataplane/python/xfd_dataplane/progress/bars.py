"""Draws progress on a terminal, with rich."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from xfd_api.progress import Progress
from xfd_dataplane.progress.view import Bar, View, view_of

if TYPE_CHECKING:
    from rich.console import RenderableType

FRAMES_PER_S = 5
BAR_WIDTH = 20


class TerminalBars:
    """A context manager; call it with each `Progress`.

    Args:
        stays: whether the last state stays on the terminal after the block.
        forced: draw although standard error is no terminal.
    """

    def __init__(self, *, stays: bool, forced: bool = False) -> None:
        from rich.console import Console
        from rich.live import Live

        self._now: Progress | None = None
        # rich's notebook display is never used: it warns if `ipywidgets` is missing.
        console = Console(stderr=True, force_jupyter=False, force_terminal=True if forced else None)
        self._live = Live(
            get_renderable=lambda: drawn(view_of(self._now)),
            console=console,
            refresh_per_second=FRAMES_PER_S,
            transient=not stays,
        )

    def __enter__(self) -> TerminalBars:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def __call__(self, now: Progress) -> None:
        """Shows it in the next frame."""
        self._now = now


def drawn(view: View) -> RenderableType:
    """What rich prints of a view."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(width=BAR_WIDTH)
    table.add_column(no_wrap=True, overflow="ellipsis")

    def add(bar: Bar, style: str) -> None:
        line = ProgressBar(
            total=bar.total, completed=bar.done, width=BAR_WIDTH, pulse=bar.total is None
        )
        table.add_row(Text(bar.label, style=style), line, Text(bar.text, style=style))

    add(view.whole, "bold")
    for part in view.parts:
        add(part, "")
    return Group(table, *(Text(note, style="dim", overflow="fold") for note in view.notes))
