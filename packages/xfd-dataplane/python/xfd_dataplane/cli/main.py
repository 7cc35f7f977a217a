"""The command's frame: environment, signals, errors and exit codes."""

from __future__ import annotations

import contextlib
import gc
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `xfd-get`. Without arguments it takes those of the process, and ends the process.

    Returns:
        The exit code; `exits` says what it means.
    """
    if arguments is not None:
        return _run(arguments)
    # Nothing in here makes cycles, and at its end the interpreter would take its modules apart one
    # by one: both take longer than many a download.
    gc.disable()
    code = _run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        # What could still fail here was told before; a closed stream is None.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _run(arguments: Sequence[str]) -> int:
    as_json = False
    try:
        options = parse(arguments)
        as_json = options.json
        if options.profile is not None:
            _use_profile(options.profile)
        signal.signal(signal.SIGTERM, _terminate)
        code = _COMMANDS[options.command](options)
        sys.stdout.flush()
    except XfdError as error:
        if as_json:
            output.as_json(output.error_document(error))
        output.complain(f"error: {output.error_line(error)}")
        return exits.exit_code(error)
    except KeyboardInterrupt:
        output.complain("interrupted; run it again to go on from here")
        return exits.INTERRUPTED
    except _Terminated:
        output.complain("terminated; run it again to go on from here")
        return exits.TERMINATED
    except BrokenPipeError:
        # The reader of stdout has gone, as `head` does; nothing is left to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.OK
    return code


def _use_profile(name: str) -> None:
    """Keys in the environment come before a profile in the AWS chain, unless one is asked for."""
    os.environ["AWS_PROFILE"] = name
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        os.environ.pop(variable, None)


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise _Terminated
