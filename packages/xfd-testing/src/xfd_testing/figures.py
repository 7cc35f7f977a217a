"""What tests of faults measured: a file of texts by the name of the fault.

`XFD_FIGURES=docs/reliability.json nox -s faults` adds what it measures to that file, from which
`python -m xfd_testing.documents.reliability` fills the table in docs/RELIABILITY.md.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

VARIABLE = "XFD_FIGURES"


def record(name: str, figure: str) -> None:
    """Notes the figure of a fault, in place of an earlier one; only prints it without the variable.

    Args:
        name: of a row of `xfd_testing.documents.reliability`.
        figure: a short text in Markdown, such as `12 of 12 rounds, 1.03 x the bytes at most`.
    """
    print(f"{name}: {figure}")
    named = os.environ.get(VARIABLE)
    if not named:
        return
    with Path(named).open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # Tests run side by side.
        file.seek(0)
        known = json.loads(file.read() or "{}")
        file.truncate(0)
        file.write(json.dumps(dict(sorted({**known, name: figure}.items())), indent=1) + "\n")
