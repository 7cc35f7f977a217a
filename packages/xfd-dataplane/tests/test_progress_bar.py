"""The progress bar: on a terminal only, with bytes, rate and time left."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from xfd_testing import artifacts

MIB = 2**20
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def on_a_terminal(*words: str) -> str:
    """What the command shows on a terminal of 100 columns, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "xfd_dataplane", *words],
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    shown = bytearray()
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:
        pass  # How Linux says that the other end was closed.
    finally:
        os.close(ours)
        assert process.wait(timeout=30) == 0
    return _ESCAPES.sub("", shown.decode())


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    weights = artifacts.weights_file(tmp_path / "w.bin", 4 * MIB)
    return [f"file://{weights}", str(tmp_path / "out"), "--limit-rate", "3M"]


def test_it_shows_bytes_rate_and_time_left(words: list[str]) -> None:
    shown = on_a_terminal(*words)

    assert "fetching" in shown
    assert re.search(r"\d\.\d/4\.\d MiB", shown)
    assert re.search(r"\d [kM]B/s", shown)
    assert re.search(r"0:00:0\d", shown)


@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_there_is_none_where_nobody_wants_it(words: list[str], option: str) -> None:
    assert on_a_terminal(*words, option) == ""
