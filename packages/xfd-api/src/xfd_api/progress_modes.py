"""How progress is displayed."""

from __future__ import annotations

from typing import Final, Literal, get_args

ProgressMode = Literal["auto", "bar", "lines", "json", "none"]
"""A display of progress on standard error.

bar: bars on a terminal, or one output that changes in a notebook. lines: a line at each phase, and
one every ten seconds. json: one JSON object a line, at most one a second. none: nothing. auto: bars
on a terminal or in a notebook, otherwise lines.
"""

PROGRESS_MODES: Final[tuple[ProgressMode, ...]] = get_args(ProgressMode)
