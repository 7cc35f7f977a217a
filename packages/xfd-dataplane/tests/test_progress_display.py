"""Where progress is shown: on a real terminal, in a pipe, in a real notebook, and nowhere."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from dataclasses import replace
from pathlib import Path

import pytest

from xfd_api.errors import InvalidRequestError
from xfd_api.progress import Progress
from xfd_dataplane import download
from xfd_dataplane.progress import progress_display
from xfd_testing import artifacts

MIB = 2**20
START = Progress(0.0, 4, 0, 0, 0, nodes=1, nodes_done=0, objects=1, objects_done=0)


def command(source: Path, destination: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "xfd_dataplane", f"file://{source}", str(destination), *words]


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file to fetch; a node with a root of its own has not seen it before."""
    monkeypatch.setenv("XFD_ROOT", str(tmp_path / "root"))
    return artifacts.weights_file(tmp_path / "w.bin", 3 * MIB)


def on_a_terminal(words: list[str], **variables: str) -> str:
    """What the command shows on a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    running = subprocess.Popen(
        words,
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", **variables},
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
        assert running.wait(timeout=30) == 0
    return shown.decode()


@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_there_are_no_bars_where_nobody_wants_them(
    weights: Path, tmp_path: Path, option: str
) -> None:
    assert on_a_terminal(command(weights, tmp_path / "out", option)) == ""


def test_a_terminal_gets_bars_that_go_away(weights: Path, tmp_path: Path) -> None:
    written = on_a_terminal(command(weights, tmp_path / "out", "--limit-rate", "1M"))

    assert "━" in written
    assert "moving" in written
    assert re.search(r"\d of 3\.0 MiB +\d\.\d MiB/s", written)
    assert "about 1 s left" in written
    assert "xfd: " not in written
    assert written.rindex("\x1b[2K") > written.rindex("━")  # The last frame is erased.


def test_a_terminal_gets_lines_if_it_is_asked_for_them(weights: Path, tmp_path: Path) -> None:
    written = on_a_terminal(command(weights, tmp_path / "out"), XFD_PROGRESS="lines")
    # The variable alone keeps short runs quiet; --progress does not.
    assert written == ""

    words = command(weights, tmp_path / "again", "--progress", "lines")
    written = on_a_terminal(words, XFD_ROOT=str(tmp_path / "another root"))
    assert [line.split(":")[1] for line in written.splitlines()][:2] == [
        " looking for objects",
        " moving",
    ]
    assert "done: 3.0 of 3.0 MiB (100 %)" in written.splitlines()[-1]


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(weights: Path, tmp_path: Path) -> None:
    words = command(weights, tmp_path / "out", "--progress", "auto")

    written = on_a_terminal(words, TERM="dumb")

    assert written.startswith("xfd: looking for objects")
    assert "\x1b" not in written


def test_a_pipe_gets_no_control_characters(weights: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        command(weights, tmp_path / "out", "--progress", "auto"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stderr.splitlines()[0] == "xfd: looking for objects"
    assert "\x1b" not in done.stderr
    assert done.stdout.startswith("1 object(s)")


def test_it_begins_with_what_is_there_and_ends_with_everything(
    weights: Path, tmp_path: Path
) -> None:
    words = command(weights, tmp_path / "out", "--progress", "json")
    first, again = (
        [
            json.loads(line)
            for line in subprocess.run(
                words, capture_output=True, text=True, timeout=60, check=True
            ).stderr.splitlines()
        ]
        for _ in range(2)
    )

    assert (first[1]["cached_bytes"], first[1]["phase"]) == (0, "moving")
    for documents in (first, again):
        assert documents[-1]["phase"] == "done"
        assert documents[-1]["done_bytes"] == documents[-1]["total_bytes"] == 3 * MIB
    assert again[1]["cached_bytes"] == again[1]["done_bytes"] == 3 * MIB
    assert again[-1]["origin_bytes"] == 0


def test_an_unknown_display_is_refused_before_anything_is_read(weights: Path) -> None:
    with pytest.raises(InvalidRequestError, match="progress is 'bars'"):
        download(f"file://{weights}", progress="bars")  # type: ignore[arg-type]


def test_without_a_terminal_there_are_lines_and_the_caller_hears_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[Progress] = []
    with progress_display("auto", then=seen.append) as show:
        assert show is not None
        show(START)
        show(replace(START, phase="landing", waits_for="another process on node n0"))

    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ["looking", "moving:", "landing:"]
    assert "waiting for another process on node n0" in lines[-1]
    assert len(seen) == 2


def test_without_a_display_only_the_caller_gets_progress(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[Progress] = []
    with progress_display("none") as show:
        assert show is None
    with progress_display("none", then=seen.append) as show:
        assert show is not None
        show(START)

    assert seen == [START]
    assert capsys.readouterr().err == ""


IN_A_NOTEBOOK = """
import warnings
from xfd_api import ObjectStoreConfig
from xfd_dataplane import download

with warnings.catch_warnings():
    warnings.simplefilter("error")
    report = download({key!r}, ObjectStoreConfig.make_for_local({store!r}), progress="auto")
"""


def test_a_notebook_gets_one_output_that_ends_with_everything(weights: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    cells = [
        nbformat.v4.new_code_cell(IN_A_NOTEBOOK.format(key=key, store=str(weights.parent)))
        for key in ("w.bin", "none")
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True)

    client.execute()

    (output,) = notebook.cells[0].outputs
    html = output["data"]["text/html"]
    assert "<progress" in html
    assert "3.0 of 3.0 MiB" in html
    assert "done" in html
    failed, error = notebook.cells[1].outputs
    assert error["ename"] == "ObjectNotFoundError"
    assert "finding: stopped" in failed["data"]["text/html"]
    assert '<progress value="0" max="1">' in failed["data"]["text/html"]
