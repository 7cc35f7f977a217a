"""Progress where no bar can be drawn: a line at each phase, and one every ten seconds."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from xfd_api.progress import Progress
from xfd_dataplane.progress.lines import ProgressLines
from xfd_testing import artifacts

MIB = 2**20
START = Progress(0.0, 4 * MIB, 0, 0, 0, nodes=2, nodes_done=0, objects=3, objects_done=0)
HALF = replace(START, done_bytes=2 * MIB, objects_done=1)
ARRIVED = replace(START, done_bytes=4 * MIB, objects_done=2, phase="landing")
DONE = replace(ARRIVED, objects_done=3, nodes_done=2, phase="done")


def test_a_phase_that_comes_again_has_no_second_line() -> None:
    """Many small files are verified and landed by turns."""
    said: list[str] = []
    with ProgressLines(said.append) as lines:
        for phase in ("landing", "verifying", "landing", "verifying", "done"):
            lines(replace(ARRIVED, phase=phase))

    assert len(said) == 3


def test_there_is_a_line_at_each_phase_and_no_more_while_it_is_quick() -> None:
    said: list[str] = []
    with ProgressLines(said.append) as lines:
        for now in (START, HALF, HALF, ARRIVED, ARRIVED, DONE):
            lines(now)

    phases = [line.split()[1].rstrip(":") for line in said]
    assert phases == ["looking", "moving", "landing", "done"]


def test_there_is_a_line_from_time_to_time_also_while_nothing_is_told() -> None:
    """A store that does not answer, a coordinator that starts: someone waits, and sees that."""
    said: list[str] = []
    with ProgressLines(said.append, every_s=0.05) as lines:
        time.sleep(0.4)
        finding = len(said)
        lines(HALF)
        time.sleep(0.4)

    assert finding >= 3
    assert len(said) - finding >= 3


def test_short_runs_of_the_command_say_nothing() -> None:
    said: list[str] = []
    with ProgressLines(said.append, every_s=0.05, silent_s=0.3) as lines:
        lines(START)
        assert said == []
        time.sleep(0.8)

    assert said[0].startswith("xfd: moving")


def test_the_command_says_how_far_it_is_every_ten_seconds(tmp_path: Path) -> None:
    weights = artifacts.weights_file(tmp_path / "w.bin", 12 * MIB)
    words = [f"file://{weights}", str(tmp_path / "out"), "--limit-rate", "1M"]

    done = subprocess.run(
        [sys.executable, "-m", "xfd_dataplane", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert 1 <= len(done.stderr.splitlines()) <= 3
    assert done.stderr.startswith("xfd: moving: ")
    assert done.stdout.startswith("1 object(s)")
