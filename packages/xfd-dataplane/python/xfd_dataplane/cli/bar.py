"""The progress bar: bytes, rate and time left, on stderr, where that is a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from xfd_api.reports import Progress
from xfd_dataplane.downloading import OnProgress


@contextlib.contextmanager
def progress_bar(*, shown: bool) -> Iterator[OnProgress | None]:
    """What to call with each `Progress`; None where no bar is wanted."""
    if not shown or not sys.stderr.isatty():
        yield None
        return
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
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
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
