"""Shows progress on standard error, or in a notebook: one place for all commands and calls.

`words` and `view` say what is shown, and are pure. `bars`, `notebook`, `lines` and `json_lines`
show it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from xfd_api.progress import OnProgress, Progress
from xfd_api.progress_modes import ProgressMode
from xfd_dataplane.progress.json_lines import JsonLines
from xfd_dataplane.progress.lines import ProgressLines
from xfd_dataplane.progress.outlet import place


@contextlib.contextmanager
def progress_display(
    mode: ProgressMode,
    *,
    then: OnProgress | None = None,
    stays: bool = True,
    silent_s: float = 0.0,
) -> Iterator[OnProgress | None]:
    """Opens a display for a `with` block: a function to call with each `Progress`.

    Args:
        mode: the display. Without one and without `then`, the function is None.
        then: called with each `Progress` after it is displayed.
        stays: whether bars stay on the terminal after the block.
        silent_s: seconds at the start without lines, so that short runs print none.
    """
    with _shown(mode, stays, silent_s) as show:
        listeners = [each for each in (show, then) if each is not None]
        if len(listeners) < 2:
            yield next(iter(listeners), None)
        else:

            def pass_on(now: Progress) -> None:
                for each in listeners:
                    each(now)

            yield pass_on


@contextlib.contextmanager
def _shown(mode: ProgressMode, stays: bool, silent_s: float) -> Iterator[OnProgress | None]:
    where = place()
    if mode == "none":
        yield None
    elif mode == "json":
        yield JsonLines()
    elif mode == "lines" or (mode == "auto" and where == "elsewhere"):
        with ProgressLines(silent_s=silent_s) as lines:
            yield lines
    elif where == "notebook":
        from xfd_dataplane.progress.notebook import NotebookBars

        with NotebookBars() as bars:
            yield bars
    else:
        from xfd_dataplane.progress.bars import TerminalBars

        with TerminalBars(stays=stays, forced=where == "elsewhere") as bars:
            yield bars
