"""A progress bar on standard error, fed with `Progress`."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from xfd_api.reports import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bars


class ProgressBar:
    """A context manager; call it with each `Progress`. Shows nothing where not `shown`."""

    def __init__(self, *, shown: bool, then: Callable[[Progress], None] | None = None) -> None:
        self._shown = shown
        self._then = then
        self._bars: Bars | None = None

    def __enter__(self) -> ProgressBar:
        """Draws the bar, which rich does only where standard error is a terminal."""
        if self._shown:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                DownloadColumn,
                TextColumn,
                TimeRemainingColumn,
                TransferSpeedColumn,
            )
            from rich.progress import Progress as Bars

            self._bars = Bars(
                TextColumn("{task.description}"),
                BarColumn(),
                DownloadColumn(binary_units=True),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._bars.start()
            self._task = self._bars.add_task("looking for objects", total=None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leaves the bar as it is."""
        if self._bars is not None:
            self._bars.stop()

    @property
    def wants_news(self) -> bool:
        """Whether anybody looks."""
        return self._bars is not None or self._then is not None

    def __call__(self, now: Progress) -> None:
        """Takes in how far the distribution is."""
        if self._bars is not None:
            self._bars.update(
                self._task,
                description=(
                    f"{now.nodes_done}/{now.nodes} nodes, {now.objects_done}/{now.objects} objects"
                ),
                total=now.total_bytes,
                completed=now.done_bytes,
            )
        if self._then is not None:
            self._then(now)
