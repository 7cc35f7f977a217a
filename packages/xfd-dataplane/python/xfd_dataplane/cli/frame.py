"""The command's frame: environment, signals, errors and exit codes."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from xfd_api.errors import XfdError
from xfd_dataplane.cli import commands, exits, output
from xfd_dataplane.cli.options import parse

_COMMANDS = {"get": commands.get, "ls": commands.ls, "verify": commands.verify_landed}


class _Terminated(BaseException):
    """SIGTERM, as an exception, so that what runs is left in good order."""


def run(arguments: Sequence[str] | None) -> int:
    """See `cli.main`."""
    if arguments is not None:
        return _run(arguments, stdout_is_open=True)
    # Nothing in here makes cycles, and at its end the interpreter would take its modules apart one
    # by one: both take longer than many a download.
    gc.disable()
    code = _run(sys.argv[1:], stdout_is_open=_prepare_streams())
    # What has been done is done: nothing is left to be interrupted.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):
        # What could still fail here was told before.
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _run(arguments: Sequence[str], *, stdout_is_open: bool) -> int:
    as_json = False
    try:
        options = parse(arguments)
        options.stdout_is_open = stdout_is_open
        as_json = options.json
        if options.profile is not None:
            _use_profile(options.profile)
        signal.signal(signal.SIGTERM, _terminate)
        code = _COMMANDS[options.command](options)
        sys.stdout.flush()
    except XfdError as error:
        with contextlib.suppress(BrokenPipeError):
            if as_json:
                output.as_json(output.error_document(error))
        output.complain(f"error: {output.error_line(error)}")
        return exits.exit_code(error)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        output.complain("interrupted; run it again to go on from here")
        return exits.INTERRUPTED
    except _Terminated:
        output.complain("terminated; run it again to go on from here")
        return exits.TERMINATED
    except SystemExit as asked:  # The parser's: it has said what is wrong, or the help.
        return asked.code if isinstance(asked.code, int) else exits.OK
    except BrokenPipeError:
        # The reader of stdout has gone, as `head` does; nothing is left to be told.
        _forget_stdout()
        return exits.OK
    except OSError as error:
        _forget_stdout()
        place = "standard output" if error.filename is None else f"path {error.filename}"
        output.complain(f"error: {error.strerror or error} ({place})")
        return exits.ERROR
    return code


def _prepare_streams() -> bool:
    """Makes stdout and stderr writable in any case; returns whether stdout was open.

    A descriptor that the caller closed would be given to the next file or connection, and what is
    printed would be written into that.
    """
    was_open = []
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
            was_open.append(True)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # It gets the lowest number, which is this one.
            was_open.append(False)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # Names may have any characters, and the locale may know but ASCII.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    return was_open[1]


def _forget_stdout() -> None:
    """What is still in its buffer cannot be written."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _use_profile(name: str) -> None:
    """Keys in the environment come before a profile in the AWS chain, unless one is asked for."""
    os.environ["AWS_PROFILE"] = name
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        os.environ.pop(variable, None)


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise _Terminated
