"""Where the programs that stand in for clouds are, and what to do where they are not."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from xfd_testing.processes import StartError


def find(variable: str, program: str, advice: str) -> str:
    """The path of a program: of the variable, beside the interpreter, or on the PATH.

    Raises:
        StartError: it is not there; a program that the variable names has to be.
    """
    named = os.environ.get(variable)
    beside = Path(sys.executable).with_name(program)
    found = named or (str(beside) if beside.exists() else shutil.which(program))
    if found is None or not os.access(found, os.X_OK):
        raise StartError(f"No {named or program} here (set {variable}): {advice}")
    return found


def is_absent(variable: str, program: str) -> bool:
    """Whether nobody has named a program and there is none, so that its tests are skipped."""
    try:
        find(variable, program, "")
    except StartError:
        return variable not in os.environ
    return False
