"""Progress on stderr: a bar where that is a terminal, else lines once it takes long."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from xfd_api.results import Progress
from xfd_dataplane.downloading import OnProgress
from xfd_dataplane.progress import EVERY_S, ProgressLines, can_draw


@contextlib.contextmanager
def progress_shown(*, shown: bool) -> Iterator[OnProgress | None]:
    """What to call with each `Progress`; None where nothing is wanted.

    Without a terminal the first ten seconds pass in silence: scripts and timers call the command
    often, and what is short has its one line of result.
    """
    if not shown:
        yield None
    elif can_draw():
        with _bar() as show:
            yield show
    else:
        with ProgressLines(silent_s=EVERY_S) as lines:
            yield lines


@contextlib.contextmanager
def _bar() -> Iterator[OnProgress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True, force_jupyter=False)
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("finding", total=None)

        def show(now: Progress) -> None:
            arrived = now.done_bytes >= now.total_bytes
            many = f"{now.objects_done}/{now.objects} " if now.objects > 1 else ""
            bar.update(
                task,
                description=many + ("landing" if arrived else "fetching"),
                total=now.total_bytes,
                completed=now.done_bytes,
            )

        yield show
