"""`verbose=True` shows progress in terminals, notebooks and files."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from xfd_api.progress import Progress
from xfd_ray.progress import progress_shown

START = Progress(0.0, 4, 0, 0, 0, nodes=1, nodes_done=0, objects=1, objects_done=0)

IN_A_NOTEBOOK = """
import builtins, sys, warnings
warnings.simplefilter("error")

class ZMQInteractiveShell:
    config = {"IPKernelApp": {}}

# What rich looks at; ipywidgets, which it then wants, is not there.
ZMQInteractiveShell.__module__ = "ipykernel.zmqshell"
builtins.get_ipython = ZMQInteractiveShell
sys.modules["ipywidgets"] = None

from rich.console import Console
assert Console().is_jupyter

import xfd_dataplane.progress_display
import xfd_ray.progress
from xfd_api.progress import Progress
if "on a terminal" in sys.argv:
    xfd_dataplane.progress_display.can_draw = lambda: True
with xfd_ray.progress.progress_shown(shown=True) as show:
    show(Progress(0.0, 4, 0, 0, 0, 1, 0, 1, 0))
"""


@pytest.mark.parametrize("words", [[], ["on a terminal"]])
def test_in_a_notebook_nothing_warns_of_widgets(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_NOTEBOOK, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "widgets" not in done.stderr
    assert done.stdout == ""
    if not words:
        assert done.stderr.splitlines() == [
            "xfd: looking for objects",
            "xfd: fetching: 0 B of 4 B (0 %), 0 of 1 objects",
        ]


def test_without_a_terminal_there_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Progress] = []
    with progress_shown(shown=True, then=seen.append) as show:
        assert show is not None
        show(START)

    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == [
        "looking",
        "fetching:",
    ]
    assert seen == [START]


def test_what_a_distribution_waits_for_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_shown(shown=True) as show:
        assert show is not None
        show(replace(START, waits_for="another process on node n0, which writes out/a.bin"))

    assert "waiting for another process on node n0" in capsys.readouterr().err


def test_without_a_display_only_the_caller_gets_progress(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[Progress] = []
    with progress_shown(shown=False) as show:
        assert show is None
    with progress_shown(shown=False, then=seen.append) as show:
        assert show is not None
        show(START)

    assert seen == [START]
    assert capsys.readouterr().err == ""
