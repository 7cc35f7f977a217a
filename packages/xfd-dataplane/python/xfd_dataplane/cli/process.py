"""Runs a command as a process: streams, signals, errors and exit codes.

`xfd-get` and the command of a cluster, `xfd`, are both run by this.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xfd_api.errors import XfdError
from xfd_dataplane.cli import codes, output
from xfd_dataplane.cli.exits import exit_code
from xfd_dataplane.cli.signals import EndOnSignal, Terminated, signals_unwrapped


@dataclass(frozen=True, slots=True)
class Program:
    """A command that this module runs.

    Attributes:
        name: starts each line on standard error.
        parse: makes options of the words, or exits with 2. They have `command` and `json`.
        run: carries the options out, and returns the exit code.
        resumes: the commands that a second run goes on with.
        names_nodes: whether its errors say on which node they happened.
    """

    name: str
    parse: Callable[[Sequence[str]], argparse.Namespace]
    run: Callable[[argparse.Namespace], int]
    resumes: frozenset[str]
    names_nodes: bool = False


def run(program: Program, arguments: Sequence[str] | None) -> int:
    """Runs a program. Without arguments it takes those of the process, and ends the process.

    Returns:
        The exit code; `codes` explains each.
    """
    if arguments is not None:
        return _run(program, arguments, stdout_is_open=True)
    signals = EndOnSignal()
    try:
        signals.install()
        # The interpreter's own shutdown takes longer than a small download, and nothing needs it.
        code = _run(program, sys.argv[1:], stdout_is_open=_prepare_streams())
        signals.ignore()
    except KeyboardInterrupt:  # It came while an error was printed.
        code = codes.INTERRUPTED
    except Terminated:
        code = codes.TERMINATED
    for stream in (sys.stdout, sys.stderr):
        # `_run` has reported what can fail here.
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _run(program: Program, arguments: Sequence[str], *, stdout_is_open: bool) -> int:
    as_json = False
    command: str | None = None

    def ended(how: str) -> str:
        return f"{how}; run it again to go on from here" if command in program.resumes else how

    def complain(line: str) -> None:
        output.complain(line, program=program.name)

    try:
        options = program.parse(arguments)
        options.stdout_is_open = stdout_is_open
        as_json, command = options.json, options.command
        with signals_unwrapped():
            code = program.run(options)
        sys.stdout.flush()
    except XfdError as error:
        with contextlib.suppress(BrokenPipeError):
            if as_json:
                document = output.error_document(error, names_node=program.names_nodes)
                output.as_json(document)
        complain(f"error: {output.error_line(error, names_node=program.names_nodes)}")
        return exit_code(error)
    except KeyboardInterrupt:
        complain(ended("interrupted"))
        return codes.INTERRUPTED
    except Terminated:
        complain(ended("terminated"))
        return codes.TERMINATED
    except SystemExit as end:  # The parser has printed the help, or what is wrong.
        return end.code if isinstance(end.code, int) else codes.OK
    except BrokenPipeError:
        # The reader of stdout has gone, as `head` does.
        _forget_stdout()
        return codes.OK
    except OSError as error:
        _forget_stdout()
        place = "standard output" if error.filename is None else f"path {error.filename}"
        complain(f"error: {error.strerror or error} ({place})")
        return codes.ERROR
    return code


def _prepare_streams() -> bool:
    """Opens stdout and stderr on /dev/null if they are closed; returns whether stdout was open.

    The next file or connection would get the number of a closed descriptor, and printed text would
    be written into it.
    """
    was_open = []
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
            was_open.append(True)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # It gets the lowest free number, which is this one.
            was_open.append(False)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # Names may contain any character, and the locale may know only ASCII.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    return was_open[1]


def _forget_stdout() -> None:
    """Discards what is in stdout's buffer, which cannot be written."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
