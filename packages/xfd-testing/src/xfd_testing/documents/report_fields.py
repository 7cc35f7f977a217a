"""The tables of fields in docs/report.md, made from the dataclasses of a report.

    python -m xfd_testing.documents.report_fields

writes them between the two markers of the document. A test compares the two. A field's meaning is
its line under `Attributes:` in the docstring of its class.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any

from xfd_api.results import DistributionReport, NodeResult, ObjectResult
from xfd_api.timeline import Failures, Landings, NodeTimes, Timeline, Transfers
from xfd_api.traffic import Prices, Traffic, ZoneBytes
from xfd_testing.documents.markers import with_part

DOCUMENT = Path("docs/report.md")
FIRST = "<!-- From the dataclasses: `python -m xfd_testing.documents.report_fields` -->"
LAST = "<!-- End of the fields. -->"

PARTS: tuple[tuple[str, type], ...] = (
    ("The report", DistributionReport),
    ("A node, in `nodes`", NodeResult),
    ("An object, in `objects`", ObjectResult),
    ("The bytes between zones, `traffic`", Traffic),
    ("A pair of zones, in `traffic.moved`", ZoneBytes),
    ("The prices, `traffic.prices`", Prices),
    ("The time line, `timeline`", Timeline),
    ("Its nodes, `timeline.times`", NodeTimes),
    ("Its transfers, `timeline.transfers`", Transfers),
    ("Its landings, `timeline.landings`", Landings),
    ("Its failures, `timeline.failures`", Failures),
)

_JSON = {
    "float": "number",
    "int": "whole number",
    "str": "text",
    "bool": "true or false",
    "NodeId": "text",
    "None": "null",
    "XfdError": "error",
    "BoundSource": "text",
}


def tables() -> str:
    """All tables, as Markdown.

    Raises:
        ValueError: a field has no meaning.
    """
    return "\n\n".join(_table(title, kind) for title, kind in PARTS)


def _table(title: str, kind: Any) -> str:
    meanings = _meanings(kind)
    rows = []
    for field in dataclasses.fields(kind):
        if field.name not in meanings:
            raise ValueError(f"{kind.__name__}.{field.name} has no line under Attributes")
        rows.append(f"| `{field.name}` | {_json_type(str(field.type))} | {meanings[field.name]} |")
    return "\n".join([f"### {title}", "", "| field | value | meaning |", "|---|---|---|", *rows])


def _meanings(kind: Any) -> dict[str, str]:
    """The lines under `Attributes:`; several names before a colon share their meaning."""
    _, _, part = (inspect.getdoc(kind) or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in part.splitlines():
        if line and not line.startswith(" "):
            break
        begun = re.fullmatch(r" {4}(\w+(?:, \w+)*): (.+)", line)
        if begun is not None:
            names = begun[1].split(", ")
            found.update(dict.fromkeys(names, begun[2]))
        elif line.strip():
            found.update({name: f"{found[name]} {line.strip()}" for name in names})
    return {name: _sentence(text) for name, text in found.items()}


def _sentence(text: str) -> str:
    text = text.replace("|", "\\|").replace("None", "null")
    return f"{text[0].upper()}{text[1:]}"


def _json_type(annotation: str) -> str:
    """The type of a field as JSON has it."""
    inner = re.fullmatch(r"tuple\[(.+), \.\.\.\]", annotation)
    if inner is not None:
        of = _json_type(inner[1])
        return f"list of {of}" if of == "fields" else f"list: {of}"
    if annotation.startswith("Literal"):
        return "text"
    words = [_JSON.get(each.strip(), "fields") for each in annotation.split("|")]
    return " or ".join(words)


def main() -> None:
    """Writes the tables into the document of the repository that this runs in."""
    DOCUMENT.write_text(with_part(DOCUMENT.read_text(), FIRST, LAST, tables()))


if __name__ == "__main__":
    main()
