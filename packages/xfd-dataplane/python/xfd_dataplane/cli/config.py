"""`config show` and `config check` of `xfd-get` and `xfd`: settings, and where they come from."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from xfd_api.configuration import load
from xfd_api.configuration.configuration import check_file, unknown_variables
from xfd_api.configuration.files import read_settings
from xfd_api.configuration.rendering import as_documents, as_toml
from xfd_dataplane.cli import codes, output
from xfd_dataplane.progress.outlet import to_stderr

SHOW_HELP = "print all settings as a file of settings"
CHECK_HELP = "say what is wrong with a file of settings"
DESCRIPTION = (
    "Settings come from arguments, environment variables (XFD_...), xfd.toml or [tool.xfd] in "
    "pyproject.toml of the working folder or one above it, and ~/.config/xfd/xfd.toml, in this "
    "order. XFD_CONFIG names one file to read in place of these."
)


def add_show(parser: argparse.ArgumentParser) -> None:
    """The options of `config show` beside `--json`."""
    parser.add_argument(
        "--origin", action="store_true", help="name the variable or the line that each comes from"
    )


def add_check(parser: argparse.ArgumentParser) -> None:
    """The operand of `config check`."""
    parser.add_argument("file", metavar="FILE", help="such as xfd.toml or pyproject.toml")


def show(options: argparse.Namespace) -> int:
    """Prints the settings that hold, and returns the exit code."""
    values, unknown = load().values(), unknown_variables(os.environ)
    if options.json:
        document = {"ok": True, "settings": as_documents(values), "unknown_variables": unknown}
        output.as_json(document)
    else:
        for line in unknown:
            to_stderr(line)
        for line in as_toml(values, origins=options.origin).splitlines():
            output.say(line)
    return codes.OK


def check(options: argparse.Namespace) -> int:
    """Checks a file of settings, prints all that is wrong, and returns the exit code."""
    file = read_settings(Path(options.file))
    wrong = check_file(file)
    if options.json:
        problems = [{"what": error.what, "remedy": error.remedy} for error in wrong]
        output.as_json({"ok": not wrong, "settings": len(file.values), "problems": problems})
    else:
        for error in wrong:
            output.say(f"{error.what}. {error.remedy}")
        counted = f"{len(file.values)} settings" if len(file.values) != 1 else "1 setting"
        found = "all as they should be" if not wrong else f"{len(wrong)} wrong"
        output.say(f"{file.path}: {counted}, {found}")
    return codes.USAGE if wrong else codes.OK


def run(options: argparse.Namespace) -> int:
    """Carries out `xfd-get config`, and returns the exit code."""
    return check(options) if options.action == "check" else show(options)
