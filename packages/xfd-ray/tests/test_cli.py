"""The command `xfd`: how its command line is read, and how it ends."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from xfd_api import errors
from xfd_dataplane.cli import process
from xfd_dataplane.cli.signals import Terminated
from xfd_ray.cli.command_parser import Commands, add_command
from xfd_ray.cli.connection import variables_of
from xfd_ray.cli.main import MODULES, make_parser, parse
from xfd_ray.cli.own_stdout import own_stdout


class Sample:
    """A command that does what it is given."""

    def __init__(self, act: Callable[[argparse.Namespace], int]) -> None:
        self._act = act

    def add(self, commands: Commands) -> None:
        add_command(commands, "sample", self._act, help="do as told", examples="  xfd sample")


def ended(act: Callable[[argparse.Namespace], int], *words: str) -> int:
    program = process.Program(
        "xfd",
        lambda arguments: parse(arguments, [Sample(act)]),
        lambda options: options.run(options),
        resumes=frozenset({"sample"}),
        names_nodes=True,
    )
    return process.run(program, ["sample", *words])


def failing(error: BaseException) -> Callable[[argparse.Namespace], int]:
    def act(options: argparse.Namespace) -> int:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidRequestError("x"), 2),
        (errors.NoNodesError("x"), 3),
        (errors.AccessDeniedError("x"), 4),
        (errors.ChecksumMismatchError("x"), 5),
        (errors.DiskFullError("x"), 6),
        (errors.ClusterConnectionError("x"), 7),
        (errors.DeadlineExceededError("x"), 7),
        (errors.NodeLostError("x"), 1),
        (errors.VersionMismatchError("x"), 1),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, BaseException) else str(each),
)
def test_an_error_ends_the_command_with_its_code(error: BaseException, code: int) -> None:
    assert ended(failing(error)) == code


def test_an_error_says_what_and_where_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    error = errors.DiskFullError("No room", path="/data", node="3f2a", remedy="Free 5 GiB")

    assert ended(failing(error), "--json") == 6

    shown = capsys.readouterr()
    assert shown.err == "xfd: error: No room (path /data, node 3f2a). Free 5 GiB\n"
    assert json.loads(shown.out) == {
        "ok": False,
        "error": {
            "type": "DiskFullError",
            "what": "No room",
            "object": None,
            "path": "/data",
            "node": "3f2a",
            "remedy": "Free 5 GiB",
        },
    }


def test_ctrl_c_says_that_a_second_run_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    ended(failing(KeyboardInterrupt()))

    assert capsys.readouterr().err == "xfd: interrupted; run it again to go on from here\n"


@pytest.mark.parametrize(("cause", "code"), [(KeyboardInterrupt(), 130), (Terminated(), 143)])
def test_a_signal_that_ray_wraps_into_its_own_error_ends_the_command_as_any(
    cause: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    wrapped = SystemError("returned a result with an exception set")
    wrapped.__cause__ = cause

    assert ended(failing(wrapped)) == code
    assert "Traceback" not in capsys.readouterr().err
    with pytest.raises(SystemError):
        ended(failing(SystemError("another one")))


def test_every_command_teaches() -> None:
    for name, parser in commands_of(make_parser()).items():
        shown = parser.format_help()
        assert "examples:\n" in shown, name
        assert f"xfd {name}" in shown.partition("examples:\n")[2], name
        assert "--json" in shown, name


def commands_of(
    parser: argparse.ArgumentParser, above: str = ""
) -> dict[str, argparse.ArgumentParser]:
    """The parsers of commands that run something, those of commands of commands included."""
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                nested = commands_of(below, f"{above}{name} ")
                found.update(nested or {f"{above}{name}": below})
    return found


def test_words_that_make_no_sense_end_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["nonsense"], ["sample", "--nonsense"], ["sample", "--env", "1=2"]):
        with pytest.raises(SystemExit) as end:
            parse(words, [Sample(lambda options: 0)])
        assert end.value.code == 2
        assert "usage: xfd" in capsys.readouterr().err


def test_a_variable_without_a_value_is_that_of_the_shell() -> None:
    assert variables_of(["A", "B=2=3", "C="], {"A": "1"}) == {"A": "1", "B": "2=3", "C": ""}
    with pytest.raises(errors.InvalidRequestError, match="names A, which is not set"):
        variables_of(["A"], {})


def test_a_misspelt_variable_does_not_show_its_value(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["status", "-e", "AWS-KEY=hunter2"])

    shown = capsys.readouterr().err
    assert "AWS-KEY" in shown
    assert "hunter2" not in shown


def test_what_the_threads_of_ray_print_is_no_part_of_the_result(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sys.stdout
    with own_stdout():
        print('{"ok": ', end="")
        other = threading.Thread(target=print, args=("(raylet) a node was lost",))
        other.start()
        other.join()
        print("true}")
        assert sys.stdout.encoding == before.encoding
    assert sys.stdout is before

    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"ok": True}
    assert shown.err == "(raylet) a node was lost\n"


def test_help_needs_neither_ray_nor_the_data_plane() -> None:
    program = (
        "import sys\n"
        "from xfd_ray.cli.main import make_parser\n"
        "make_parser().format_help()\n"
        "print([name for name in ('ray', 'xfd_dataplane._native', 'rich', 'asyncio', 'yaml')"
        " if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "xfd_ray", "--version"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout[:4]) == (0, "xfd ")


def test_each_command_has_a_module_of_its_own() -> None:
    assert len(set(MODULES)) == len(MODULES)
