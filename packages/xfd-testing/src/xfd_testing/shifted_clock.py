"""A wall clock that a test sets, for processes that it starts. Needs a C compiler."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
COMPILER = "cc"


class ShiftedClock:
    """The clock of all processes that have its `environment`.

    Args:
        folder: an empty one, for what the processes load.
    """

    def __init__(self, folder: Path) -> None:
        self._shift = folder / "shift"
        self._library = folder / "shifted_clock.so"
        self.set(0)
        command = [COMPILER, "-O2", "-shared", "-fPIC", str(SOURCE), "-o", str(self._library)]
        subprocess.run(command, check=True)

    @staticmethod
    def is_available() -> bool:
        """Whether there is a C compiler."""
        return shutil.which(COMPILER) is not None

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the processes."""
        return {"LD_PRELOAD": str(self._library), "XFD_TEST_CLOCK": str(self._shift)}

    def set(self, seconds: int) -> None:
        """Has the clock differ from the machine's by so much, from now on."""
        with self._shift.open("r+b" if self._shift.exists() else "xb") as file:
            file.write(struct.pack("=q", seconds))
