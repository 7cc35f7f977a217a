"""`xfd completion` in real shells, and the page that is made from the same parsers."""

from __future__ import annotations

import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xfd_api.errors import InvalidRequestError
from xfd_ray.cli.completion import SHELLS, script_for
from xfd_ray.cli.main import make_parser
from xfd_testing.documents import command_page
from xfd_testing.markdown import blocks_of

ROOT = Path(__file__).parents[3]
SHOWN = [line for block in blocks_of(ROOT / "docs/cli.md") for line in block.text.splitlines()]

BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
"_shtab_${1//-/_}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def needs(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["xfd", "st"], "status"),
        (["xfd", "status", "--wa"], "--watch"),
        (["xfd", "completion", "z"], "zsh"),
        (["xfd", "get", "--on-node-failure", "f"], "fail"),
        (["xfd-get", "ver"], "verify"),
    ],
    ids=" ".join,
)
def test_bash_completes(words: list[str], offered: str, tmp_path: Path) -> None:
    needs("bash")
    script = tmp_path / "script"
    command = [sys.executable, "-m", "xfd_ray", "completion", "bash", "--program", words[0]]
    script.write_text(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    bash = ["bash", "-c", BASH, "bash", str(script), *words]
    done = subprocess.run(bash, capture_output=True, text=True, check=True)
    assert offered in done.stdout.split()


def test_fish_completes(tmp_path: Path) -> None:
    needs("fish")
    script = tmp_path / "xfd.fish"
    script.write_text(script_for("fish", make_parser()))
    program = f"source {script}; complete -C 'xfd st'; complete -C 'xfd status --wa'"
    done = subprocess.run(["fish", "--no-config", "-c", program], capture_output=True, text=True)
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["status", "--watch"]


def test_zsh_completes(tmp_path: Path) -> None:
    """On a terminal, since zsh completes nowhere else."""
    needs("zsh")
    (tmp_path / "_xfd").write_text(script_for("zsh", make_parser()))
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("zsh", ["zsh", "-f", "-i"])
    setup = f"fpath=({tmp_path} $fpath); autoload -Uz compinit; compinit -D -u; echo re''ady"
    os.write(terminal, f"{setup}\n".encode())
    assert "ready" in shown(terminal, "ready")
    os.write(terminal, b"xfd stat\t")
    assert "status" in shown(terminal, "status")
    os.write(terminal, b"--wa\t")
    assert "--watch" in shown(terminal, "--watch")
    os.write(terminal, b"\x03exit\n")
    os.close(terminal)
    os.waitpid(pid, 0)


def shown(terminal: int, until: str, timeout_s: float = 20.0) -> str:
    """What the terminal shows, until it shows this, or nothing more for some time."""
    text, deadline = "", time.monotonic() + timeout_s
    while until not in text and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.5)[0]:
            text += os.read(terminal, 65536).decode(errors="replace")
    return text


@pytest.mark.parametrize("shell", SHELLS)
def test_there_is_a_script_for_each_shell_that_is_named(shell: str) -> None:
    assert "status" in script_for(shell, make_parser())


def test_a_shell_that_shtab_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shtab.SUPPORTED_SHELLS", ["bash"])
    with pytest.raises(InvalidRequestError, match="makes no scripts for fish"):
        script_for("fish", make_parser())


def test_the_page_of_the_command_is_made_from_its_parsers() -> None:
    """After a change: `python -m xfd_testing.documents.command_page`."""
    assert (ROOT / command_page.DOCUMENT).read_text() == command_page.page(make_parser())


@pytest.mark.parametrize("line", SHOWN, ids=str)
def test_each_command_that_the_page_shows_can_be_given(line: str) -> None:
    words = shlex.split(line.partition(" | ")[0].partition(" > ")[0], comments=True)
    if words[0] == "source":
        words = line.removeprefix("source <(").partition(")")[0].split()
    assert make_parser().parse_args(words[1:])
