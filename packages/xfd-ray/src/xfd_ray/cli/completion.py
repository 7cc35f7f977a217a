"""`xfd completion`: a script with which a shell completes the words of `xfd`, or of `xfd-get`."""

from __future__ import annotations

import argparse
import sys

from xfd_api.errors import InvalidRequestError
from xfd_dataplane.cli import codes, output
from xfd_ray.cli.command_parser import Commands, add_command

SHELLS = ("bash", "zsh", "fish", "tcsh")

PROGRAMS = ("xfd", "xfd-get")

FILES = ("RUN.json", "PAGE.html", "LIST", "FILE", "SOURCE ... [DEST]")
"""Names of arguments for which a shell offers files."""

_EXAMPLES = """
  source <(xfd completion bash)                                       for this shell
  xfd completion bash > ~/.local/share/bash-completion/completions/xfd
  xfd completion zsh > "${fpath[1]}/_xfd"
  xfd completion fish > ~/.config/fish/completions/xfd.fish
  xfd completion bash --program xfd-get > ~/.local/share/bash-completion/completions/xfd-get
"""


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = add_command(
        commands,
        "completion",
        run,
        help="print a script that completes the words of xfd in a shell",
        examples=_EXAMPLES,
        on_cluster=False,
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.add_argument("--program", choices=PROGRAMS, default="xfd", help="default: xfd")


def run(options: argparse.Namespace) -> int:
    """Prints the script."""
    if options.program == "xfd":
        parser = options.whole_parser
    else:
        from xfd_dataplane.cli.parsers import make_parsers

        parser, _ = make_parsers()
    script = script_for(options.shell, parser)
    if options.json:
        output.as_json({"ok": True, "shell": options.shell, "script": script})
    else:
        # It is the program's own text, with tabs and line breaks.
        sys.stdout.write(script + "\n")
    return codes.OK


def script_for(shell: str, parser: argparse.ArgumentParser) -> str:
    """The script for a shell that completes what a parser takes.

    Raises:
        InvalidRequestError: shtab is not installed, or its version does not know the shell.
    """
    try:
        import shtab
    except ImportError:
        raise InvalidRequestError(
            "Scripts for shells are made with the package shtab, which is not installed",
            remedy="Run pip install shtab",
        ) from None
    if shell not in shtab.SUPPORTED_SHELLS:
        raise InvalidRequestError(
            f"shtab {shtab.__version__} makes no scripts for {shell}",
            remedy="Run pip install --upgrade shtab",
        )
    _offer_files(parser, shtab.FILE)
    script: str = shtab.complete(parser, shell)
    return script


def _offer_files(parser: argparse.ArgumentParser, files: object) -> None:
    """Marks the arguments that are files, in the parser and in those of its commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _offer_files(below, files)
        elif action.metavar in FILES:
            action.complete = files  # type: ignore[attr-defined]
