"""Progress on standard error: a bar where that is a terminal, else lines."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import TracebackType

from xfd_api.results import Progress
from xfd_dataplane.progress import ProgressLines, can_draw


class ProgressBar:
    """A context manager; call it with each `Progress`. Shows nothing where not `shown`.

    In a notebook, a job or a log no bar can move, so there is a line at each phase and every ten
    seconds. rich's notebook display is never used: it warns where `ipywidgets` is missing.
    """

    def __init__(self, *, shown: bool, then: Callable[[Progress], None] | None = None) -> None:
        self._shown = shown
        self._then = then
        self._show: Callable[[Progress], None] | None = None
        self._end = contextlib.ExitStack()

    def __enter__(self) -> ProgressBar:
        """Shows that objects are being looked for."""
        if self._shown and can_draw():
            self._show = self._bar()
        elif self._shown:
            self._show = self._end.enter_context(ProgressLines())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leaves the bar as it is."""
        self._end.close()

    @property
    def wants_news(self) -> bool:
        """Whether anybody looks."""
        return self._show is not None or self._then is not None

    def __call__(self, now: Progress) -> None:
        """Takes in how far the distribution is."""
        if self._show is not None:
            self._show(now)
        if self._then is not None:
            self._then(now)

    def _bar(self) -> Callable[[Progress], None]:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
        from rich.progress import Progress as Bars

        bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True, force_jupyter=False),
        )
        self._end.enter_context(bars)
        task = bars.add_task("looking for objects", total=None)

        def show(now: Progress) -> None:
            bars.update(
                task,
                description=(
                    f"{now.nodes_done}/{now.nodes} nodes, {now.objects_done}/{now.objects} objects"
                ),
                total=now.total_bytes,
                completed=now.done_bytes,
            )

        return show
