"""Finds the files with settings, and reads them.

A project's file is `xfd.toml`, or the table `[tool.xfd]` of `pyproject.toml`, in the working folder
or the nearest folder above it. The search ends at the root of a repository and at the user's home.
A user's file is `xfd/xfd.toml` in `XDG_CONFIG_HOME`, or in `~/.config`. The project's settings
precede the user's. `XFD_CONFIG` names a file that is read in place of both. A file that another
user put into a folder where everybody may write, such as `/tmp`, counts as not there.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from xfd_api.errors import InvalidRequestError

NAME = "xfd.toml"
_PROJECT = "pyproject.toml"
_TOOL = ("tool", "xfd")


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """The settings of one file, as TOML has them.

    Attributes:
        path: the file.
        values: by key, where a dot is a table.
        lines: the line of each key, where it is found by its text.
    """

    path: Path
    values: Mapping[str, Any]
    lines: Mapping[str, int] = field(default_factory=dict)

    def place(self, key: str) -> str:
        """Where a key is: `FILE:LINE`, or the file alone."""
        line = self.lines.get(key)
        return f"{self.path}" if line is None else f"{self.path}:{line}"


def settings_files(environ: Mapping[str, str], start: Path) -> list[SettingsFile]:
    """The files to read, the ones that precede others first.

    Args:
        environ: for `XFD_CONFIG`, `XDG_CONFIG_HOME` and `HOME`.
        start: the working folder.

    Raises:
        InvalidRequestError: a file is not there, cannot be read, or is no TOML.
    """
    if named := environ.get("XFD_CONFIG"):
        try:
            path = Path(named).expanduser()
        except RuntimeError:  # ~NAME, and there is no such user.
            path = Path(named)
        return [read_settings(start / path)]
    home = Path(environ.get("HOME") or "/")
    found = _project_file(start, home)
    base = Path(environ.get("XDG_CONFIG_HOME") or "")
    own = (base if base.is_absolute() else home / ".config") / "xfd" / NAME
    if _is_trusted(own) and (found is None or found.path != own):
        return [*filter(None, [found]), read_settings(own)]
    return [*filter(None, [found])]


def read_settings(path: Path) -> SettingsFile:
    """The settings of a file; of `pyproject.toml`, those of its `[tool.xfd]`.

    Raises:
        InvalidRequestError: the file is not there, cannot be read, or is no TOML.
    """
    text = _text(path)
    document = _document(text, path)
    prefix: tuple[str, ...] = ()
    if path.name == _PROJECT:
        prefix = _TOOL
        tools = document.get("tool", {})
        document = tools.get("xfd", {}) if isinstance(tools, dict) else tools
    if not isinstance(document, dict):
        raise InvalidRequestError("tool.xfd is no table", path=str(path))
    values = dict(_flattened(document))
    return SettingsFile(path, values, _lines(text, prefix, values))


def _project_file(start: Path, home: Path) -> SettingsFile | None:
    for folder in (start, *start.parents):
        if _is_trusted(path := folder / NAME):
            return read_settings(path)
        # Most of these have no such table, and need not be read as TOML.
        if _is_trusted(path := folder / _PROJECT) and "xfd" in _text(path):
            found = read_settings(path)
            if found.values:
                return found
        if folder == home or _exists(folder / ".git"):
            return None
    return None


def _is_trusted(path: Path) -> bool:
    """Whether there is such a file, and not another user's in a folder such as `/tmp`."""
    try:
        file = path.stat()
        is_shared = bool(path.parent.stat().st_mode & stat.S_IWOTH)
    except OSError:  # There is none, or its folder may not be read by this user.
        return False
    is_ours = file.st_uid in (0, os.geteuid())
    return stat.S_ISREG(file.st_mode) and (is_ours or not is_shared)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")  # Some editors begin a file with a mark of its bytes.
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidRequestError(
            f"The settings cannot be read: {reason}", path=str(path)
        ) from None


def _document(text: str, path: Path) -> dict[str, Any]:
    # Imported here: most programs have no file, and it takes some milliseconds.
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        document: dict[str, Any] = toml.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(
            f"The file is no TOML: {error}", path=str(path), remedy="Correct that line"
        ) from None
    return document


def _flattened(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Keys with dots for tables. The labels of `nodes` are a value, and no table."""
    for name, value in table.items():
        key = f"{above}{name}"
        if isinstance(value, dict) and value and key != "nodes":
            yield from _flattened(value, f"{key}.")
        else:
            yield key, value


_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?")
_ASSIGNMENT = re.compile(r"\s*([A-Za-z0-9_.\-\s\"']+?)\s*=")


def _lines(text: str, prefix: tuple[str, ...], values: Mapping[str, Any]) -> dict[str, int]:
    """The line of each key that is written plainly. A reader of TOML does not say it."""
    start = "".join(f"{name}." for name in prefix)
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if header := _HEADER.fullmatch(line):
            table = f"{_bare(header[1])}."
        elif assigned := _ASSIGNMENT.match(line):
            key = f"{table}{_bare(assigned[1])}"
            if not key.startswith(start):
                continue
            key = key[len(start) :]
            # An inline table has all of its keys on the line of its name.
            for each in (key, *(known for known in values if known.startswith(f"{key}."))):
                if each in values:
                    lines.setdefault(each, number)
    return lines


def _bare(name: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in name.split("."))
