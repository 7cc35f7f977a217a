"""The command `xfd-get` in a process of its own, and what it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Command:
    """`xfd-get` in a process of its own, with the keys of an S3 server."""

    environment: Mapping[str, str]

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """Starts it; the caller waits."""
        return subprocess.Popen(
            [sys.executable, "-m", "xfd_dataplane", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment},
        )

    def run(self, *words: str | Path) -> Finished:
        """Runs it to its end."""
        process = self.start(*words)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
        return Finished(process.returncode, out, err)


def hidden_files(folder: Path) -> Sequence[Path]:
    """Part files, journals, locks and records below a folder."""
    return sorted(path for path in folder.rglob(".*") if path.is_file())
