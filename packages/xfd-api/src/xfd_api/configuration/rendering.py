"""Settings as text: as the TOML of a file, and as rows with where each comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xfd_api.configuration.configuration import Value
from xfd_api.sanitize import sanitized


def as_toml(values: Sequence[Value], *, origins: bool = False) -> str:
    """A file with these settings. What a file cannot have, or what is not set, is a comment.

    Args:
        values: in the order of the table.
        origins: name after each value where it comes from.

    Example:
        >>> from xfd_api.configuration import load
        >>> print(as_toml([load({}).value("node.attempts")], origins=True), end="")
        [node]
        attempts = 8  # default
    """
    tops = [each for each in values if "." not in each.setting.key and each.setting.in_file]
    tables = [each for each in values if "." in each.setting.key]
    outside = [each for each in values if not each.setting.in_file]
    lines = [_line(each, each.setting.name, origins) for each in tops]
    table = None
    for each in tables:
        name = each.setting.key.rpartition(".")[0]
        if name != table:
            lines += [""] * bool(lines) + [f"[{name}]"]
            table = name
        lines.append(_line(each, each.setting.name, origins))
    if outside:
        lines += [""] * bool(lines) + ["# by environment variables alone:"]
        lines += [_line(each, each.setting.variable, origins, comment=True) for each in outside]
    return "".join(f"{line}\n" for line in lines)


def as_documents(values: Sequence[Value]) -> list[dict[str, Any]]:
    """The settings for a program."""
    return [
        {
            "key": each.setting.key,
            "value": each.value,
            "source": each.source,
            "origin": each.origin,
            "variable": each.setting.variable,
            "meaning": each.setting.meaning,
        }
        for each in values
    ]


def _line(value: Value, name: str, origins: bool, *, comment: bool = False) -> str:
    setting = value.setting
    if value.value is None:
        return f"# {name} is not set: {setting.unset}"
    # A folder's name may end a line, and what follows would count as a setting.
    origin = f"  # {sanitized(value.origin)}" if origins else ""
    return f"{'# ' if comment else ''}{name} = {setting.kind.toml(value.value)}{origin}"
