"""What processes hold, as the kernel counts it: memory, descriptors and threads; and files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_ANONYMOUS = re.compile(r"^RssAnon:\s+(\d+) kB$", re.MULTILINE)
_THREADS = re.compile(r"^Threads:\s+(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Footprint:
    """What one process holds.

    Attributes:
        anonymous_bytes: memory that no file is behind.
        descriptors: open files, sockets and pipes.
        threads: of the process.
    """

    anonymous_bytes: int
    descriptors: int
    threads: int


def footprint_of(pid: int) -> Footprint:
    """What this process holds now.

    Raises:
        FileNotFoundError: there is no such process.

    Example:
        >>> import os
        >>> footprint_of(os.getpid()).threads >= 1
        True
    """
    status = Path(f"/proc/{pid}/status").read_text()
    return Footprint(
        anonymous_bytes=1024 * _number(_ANONYMOUS, status),
        descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        threads=_number(_THREADS, status),
    )


def files_below(folders: Iterable[Path]) -> list[Path]:
    """All files below these folders, hidden ones included, in the order of their names."""
    found = (path for folder in folders for path in folder.rglob("*") if not path.is_dir())
    return sorted(found)


def _number(pattern: re.Pattern[str], status: str) -> int:
    found = pattern.search(status)
    return int(found[1]) if found else 0
