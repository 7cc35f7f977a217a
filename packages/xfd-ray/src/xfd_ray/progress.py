"""Passes on the progress of a distribution: to a display, and to the caller."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from xfd_api.progress import OnProgress, Progress
from xfd_dataplane.progress_display import progress_display


@contextlib.contextmanager
def progress_shown(*, shown: bool, then: OnProgress | None = None) -> Iterator[OnProgress | None]:
    """Opens a display for a `with` block: a function to call with each `Progress`.

    Args:
        shown: whether there is a display.
        then: called with each `Progress` after it is displayed. Without a display and without this
            the function is None.
    """
    with progress_display(
        shown=shown, first="looking for objects", describe=_description, stays=True
    ) as show:
        listeners = [each for each in (show, then) if each is not None]

        def pass_on(now: Progress) -> None:
            for listener in listeners:
                listener(now)

        yield pass_on if listeners else None


def _description(now: Progress) -> str:
    waits = "" if now.waits_for is None else f", waiting for {now.waits_for}"
    return f"{now.nodes_done}/{now.nodes} nodes, {now.objects_done}/{now.objects} objects{waits}"
