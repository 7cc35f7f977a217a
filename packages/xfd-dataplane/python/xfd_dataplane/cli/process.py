"""Runs a command as a process: environment, streams, signals, errors and exit codes."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
from collections.abc import Sequence

from xfd_api.errors import XfdError
from xfd_dataplane.cli import codes, get, ls, output, verify
from xfd_dataplane.cli.exits import exit_code
from xfd_dataplane.cli.options import parse
from xfd_dataplane.cli.signals import EndOnSignal, Terminated

_COMMANDS = {"get": get.run, "ls": ls.run, "verify": verify.run}


def run(arguments: Sequence[str] | None) -> int:
    """See `cli.main`."""
    if arguments is not None:
        return _run(arguments, stdout_is_open=True)
    # Garbage collection and the interpreter's own shutdown take longer than a small download, and
    # the command needs neither: it makes no cycles of objects.
    gc.disable()
    signals = EndOnSignal()
    try:
        signals.install()
        code = _run(sys.argv[1:], stdout_is_open=_prepare_streams())
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


def _run(arguments: Sequence[str], *, stdout_is_open: bool) -> int:
    as_json = False
    try:
        options = parse(arguments)
        options.stdout_is_open = stdout_is_open
        as_json = options.json
        if options.profile is not None:
            _use_profile(options.profile)
        code = _COMMANDS[options.command](options)
        sys.stdout.flush()
    except XfdError as error:
        with contextlib.suppress(BrokenPipeError):
            if as_json:
                output.as_json(output.error_document(error))
        output.complain(f"error: {output.error_line(error)}")
        return exit_code(error)
    except KeyboardInterrupt:
        output.complain("interrupted; run it again to go on from here")
        return codes.INTERRUPTED
    except Terminated:
        output.complain("terminated; run it again to go on from here")
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
        output.complain(f"error: {error.strerror or error} ({place})")
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


def _use_profile(name: str) -> None:
    """Makes the AWS chain use this profile: keys in the environment would take precedence."""
    os.environ["AWS_PROFILE"] = name
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        os.environ.pop(variable, None)
