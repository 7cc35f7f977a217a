"""The program `xfd-get`: its commands, and what each process of it does first."""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Sequence

from xfd_dataplane.cli import cache, config, get, ls, process, verify
from xfd_dataplane.cli.log_lines import show_log
from xfd_dataplane.cli.options import parse

_COMMANDS = {
    "get": get.run,
    "ls": ls.run,
    "verify": verify.run,
    "cache": cache.run,
    "config": config.run,
}


def run(arguments: Sequence[str] | None) -> int:
    """See `cli.main`."""
    if arguments is None:
        # Garbage collection takes longer than a small download, which makes no cycles of objects.
        gc.disable()
    program = process.Program("xfd-get", parse, _run, resumes=frozenset({"get"}))
    return process.run(program, arguments)


def _run(options: argparse.Namespace) -> int:
    if options.profile is not None:
        _use_profile(options.profile)
    show_log(options.verbose)
    return _COMMANDS[options.command](options)


def _use_profile(name: str) -> None:
    """Makes the AWS chain use this profile: keys in the environment would take precedence."""
    os.environ["AWS_PROFILE"] = name
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        os.environ.pop(variable, None)
