"""No file has what a merge leaves where two changes meet."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
_MARK = re.compile(rb"^[ \t]*(?:<{7} |>{7} )", re.MULTILINE)


def test_no_conflict_of_a_merge_is_left() -> None:
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    files = [ROOT / name for name in names if name]
    assert len(files) > 500
    left = [file for file in files if file.is_file() and _MARK.search(file.read_bytes())]
    assert left == []
