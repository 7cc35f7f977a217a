"""Shows progress on standard error: a bar on a terminal, else lines."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from xfd_api.progress import OnProgress, Progress
from xfd_dataplane.progress_lines import ProgressLines


@contextlib.contextmanager
def progress_display(
    *,
    shown: bool,
    first: str,
    describe: Callable[[Progress], str],
    stays: bool,
    silent_s: float = 0.0,
) -> Iterator[OnProgress | None]:
    """Opens a display for a `with` block: a function to call with each `Progress`.

    In a notebook, a job or a log no bar can move, so there is a line at each phase and every ten
    seconds. rich's notebook display is never used: it warns if `ipywidgets` is missing.

    Args:
        shown: False shows nothing, and the function is None.
        first: the bar's label until the first `Progress`.
        describe: the bar's label for a `Progress`.
        stays: whether the bar stays on the terminal after the block.
        silent_s: seconds at the start without lines, so that short runs print none.
    """
    if not shown:
        yield None
    elif can_draw():
        with _bar(first, describe, stays) as show:
            yield show
    else:
        with ProgressLines(silent_s=silent_s) as lines:
            yield lines


def can_draw() -> bool:
    """Whether standard error is a terminal, where a bar can move; a notebook's is none."""
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # It was closed.
        return False


@contextlib.contextmanager
def _bar(first: str, describe: Callable[[Progress], str], stays: bool) -> Iterator[OnProgress]:
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
    with Bar(*columns, console=console, transient=not stays) as bar:
        task = bar.add_task(first, total=None)

        def show(now: Progress) -> None:
            bar.update(
                task,
                description=describe(now),
                total=now.total_bytes,
                completed=now.done_bytes,
            )

        yield show
