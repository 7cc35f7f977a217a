"""Shows progress in a notebook: one output that changes.

It uses IPython's own display handles, which every notebook front end draws, so it needs no
`ipywidgets`. The last state stays in the saved notebook.
"""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any

from xfd_api.progress import Progress
from xfd_dataplane.progress.view import Bar, View, view_of

AT_LEAST_S = 0.5
"""Time between two changes, in seconds."""


class NotebookBars:
    """A context manager; call it with each `Progress`.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._now: Progress | None = None
        self._shown: Progress | None = None
        self._shown_at = clock()
        self._output: Any = None

    def __enter__(self) -> NotebookBars:
        from IPython.display import HTML, display

        self._output = display(HTML(html_of(view_of(None))), display_id=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._show()
        else:
            self._draw(html_of(view_of(self._now), stopped=True))

    def __call__(self, now: Progress) -> None:
        """Changes the output, unless it has just changed."""
        self._now = now
        if self._clock() - self._shown_at >= AT_LEAST_S:
            self._show()

    def _show(self) -> None:
        if self._now is self._shown:
            return
        self._shown, self._shown_at = self._now, self._clock()
        self._draw(html_of(view_of(self._now)))

    def _draw(self, page: str) -> None:
        from IPython.display import HTML

        self._output.update(HTML(page))


def html_of(view: View, *, stopped: bool = False) -> str:
    """The HTML of a view; names in it are escaped.

    Args:
        view: what it shows.
        stopped: an error has ended it, so no bar moves back and forth, and its name says so.
    """
    whole = view.whole
    if stopped:
        whole = replace(whole, label=f"{whole.label}: stopped", total=whole.total or 1)
    rows = "".join(_row(bar) for bar in (whole, *view.parts))
    notes = "".join(f"<div>{html.escape(note)}</div>" for note in view.notes)
    return f'<table style="font-family: monospace">{rows}</table>{notes}'


def _row(bar: Bar) -> str:
    extent = "" if bar.total is None else f' value="{bar.done}" max="{bar.total}"'
    cells = (html.escape(bar.label), f"<progress{extent}></progress>", html.escape(bar.text))
    return "<tr>" + "".join(f'<td style="text-align: left">{cell}</td>' for cell in cells) + "</tr>"
