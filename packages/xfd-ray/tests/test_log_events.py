"""The table of log events agrees with what Python and Rust emit."""

from __future__ import annotations

import ast
import gc
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

from xfd_ray.telemetry import log_events
from xfd_ray.telemetry.log_events import DATA_PLANE_EVENTS, DATA_PLANE_PREFIX, EVENTS, Event

PACKAGES = Path(__file__).parents[2]
PYTHON = PACKAGES / "xfd-ray/src/xfd_ray"
RUST = PACKAGES / "xfd-dataplane/crates"
CALL = re.compile(r"tracing::(error|warn|info|debug|trace)!\(")
LEVELS = {"warn": "warning"}
DROPPED = DATA_PLANE_PREFIX + "log_events_dropped"
"""Made by `log.rs` when events are taken out, and not by a macro."""


class Call(NamedTuple):
    name: str
    level: str
    fields: frozenset[str]
    where: str


def parsed(path: Path) -> ast.Module:
    """The tree of a file.

    A collection in the middle may finalise a task of another test, whose traceback is parsed to be
    logged. CPython 3.11 then takes the outer tree for broken (python/cpython#106905).
    """
    gc.disable()
    try:
        return ast.parse(path.read_text())
    finally:
        gc.enable()


def calls_in_python() -> list[Call]:
    """Each `LOG.emit(EVENT, field=...)`; EVENT is a name of `log_events`, or a choice of them."""
    found = []
    for path in sorted(PYTHON.rglob("*.py")):
        for node in ast.walk(parsed(path)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "emit"
            ):
                fields = frozenset(word.arg for word in node.keywords if word.arg) - {"exc_info"}
                for part in ast.walk(node.args[0]):
                    name = getattr(part, "attr", getattr(part, "id", ""))
                    if name.isupper():
                        row = getattr(log_events, name)
                        where = f"{path.name}:{node.lineno}"
                        found.append(Call(row.name, row.level, fields, where))
    return found


def calls_in_rust() -> list[Call]:
    """Each `tracing::LEVEL!(field, ..., "name")` outside of tests."""
    found = []
    for path in sorted(RUST.glob("*/src/**/*.rs")):
        text = path.read_text().split("#[cfg(test)]\nmod tests")[0]
        for start in CALL.finditer(text):
            *fields, name = arguments(text, start.end())
            names = frozenset(re.split(r"\s*=", field.lstrip("%?"))[0] for field in fields)
            level = LEVELS.get(start[1], start[1])
            where = f"{path.name}: {name}"
            found.append(Call(DATA_PLANE_PREFIX + name.strip('"'), level, names, where))
    return found


def calls_in_python_of_the_data_plane() -> list[Call]:
    """Each `self._emit(level, name, field=...)` of xfd_dataplane."""
    found = []
    for path in sorted((PACKAGES / "xfd-dataplane/python").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "_emit":
                level, name = (ast.literal_eval(value) for value in node.args)
                fields = frozenset(str(keyword.arg) for keyword in node.keywords)
                found.append(Call(DATA_PLANE_PREFIX + name, level, fields, path.name))
    return found


def arguments(text: str, start: int) -> list[str]:
    """The arguments of a macro, whose bracket opens before `start`."""
    found, depth, at = [], 0, start
    for end in range(start, len(text)):
        depth += (text[end] in "([{") - (text[end] in ")]}")
        if depth < 0 or (depth == 0 and text[end] == ","):
            found.append(text[at:end].strip())
            at = end + 1
        if depth < 0:
            break
    return [argument for argument in found if argument]


def check(rows: tuple[Event, ...], calls: list[Call]) -> None:
    """Levels agree, no call has a field that its row lacks, no row an event or field unused."""
    by_name = {row.name: row for row in rows}
    assert {call.name for call in calls} == by_name.keys()
    used: dict[str, set[str]] = defaultdict(set)
    for call in calls:
        row = by_name[call.name]
        assert call.level == row.level, call.where
        assert call.fields <= set(row.fields), call.where
        used[call.name] |= call.fields
    for row in rows:
        assert used[row.name] == set(row.fields), row.name


def test_every_event_of_python_is_in_the_table_and_none_there_is_unused() -> None:
    check(EVENTS, calls_in_python())


def test_every_event_of_rust_is_in_the_table_and_none_there_is_unused() -> None:
    calls = calls_in_rust()
    calls += calls_in_python_of_the_data_plane()
    calls.append(Call(DROPPED, "warning", frozenset({"count"}), "log.rs"))
    check(
        DATA_PLANE_EVENTS,
        [call._replace(fields=call.fields | {"at_s"}) for call in calls],
    )


def test_an_event_that_the_table_lacks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError):
        check(EVENTS[1:], calls_in_python())
    with pytest.raises(AssertionError):
        check((*EVENTS, Event("xfd.never.emitted", "info", "Unused.")), calls_in_python())


def test_names_are_stable_and_each_stands_for_one_event() -> None:
    rows = (*EVENTS, *DATA_PLANE_EVENTS)
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        assert re.fullmatch(r"xfd(\.[a-z_]+)+", row.name)
        assert row.meaning.endswith(".")


def test_the_documents_have_the_same_table() -> None:
    lines = (PACKAGES.parent / "docs/telemetry.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `xfd.")]
    assert rows == [document_row(row) for row in (*EVENTS, *DATA_PLANE_EVENTS)]


def document_row(row: Event) -> str:
    fields = ", ".join(f"`{field}`" for field in row.fields)
    return f"| `{row.name}` | {row.level} | {row.meaning} | {fields} |"
