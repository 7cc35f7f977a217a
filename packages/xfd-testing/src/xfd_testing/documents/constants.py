"""The tables of constants in docs/scheduler.md, made from `tuning` and `bounds` of `xfd_scheduler`.

    python -m xfd_testing.documents.constants

writes them between the two markers of the document. A test compares the two. A constant is an
assignment at the top of the module, with a text below it:

    NAME = value
    '''unit. What it is.

    Why: the reason.
    Evidence: what was measured.
    '''

A comment that begins with `# --` starts a group.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from xfd_testing.documents.markers import with_part

FOLDER = Path("packages/xfd-scheduler/src/xfd_scheduler")
MODULES = (FOLDER / "tuning.py", FOLDER / "bounds.py")
DOCUMENT = Path("docs/scheduler.md")
FIRST = "<!-- Made by `python -m xfd_testing.documents.constants`. -->"
LAST = "<!-- End of the constants. -->"

_TEXT = re.compile(r"(?P<what>.+?)\n\nWhy: (?P<why>.+?)\nEvidence: (?P<evidence>.+)", re.DOTALL)


@dataclass(frozen=True)
class Constant:
    """One constant: its group, name and value as written, and the three parts of its text."""

    group: str
    name: str
    value: str
    what: str
    why: str
    evidence: str


def constants_of(source: str) -> list[Constant]:
    """The constants of a module, in its order.

    Raises:
        ValueError: a constant has no text, or one without unit, reason or evidence.
    """
    lines = source.splitlines()
    headings = [
        (number, line.strip("# -"))
        for number, line in enumerate(lines, 1)
        if line.startswith("# --")
    ]
    found: list[Constant] = []
    body = ast.parse(source).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, ast.Assign):
            continue
        name = ast.unparse(node.targets[0])
        text = ""
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            text = str(following.value.value).strip()
        parts = _TEXT.fullmatch(text)
        if parts is None or ". " not in parts["what"]:
            raise ValueError(f"{name} has no text of the form: unit. What it is. Why: Evidence:")
        group = next((title for number, title in reversed(headings) if number < node.lineno), "")
        value = ast.get_source_segment(source, node.value) or ""
        found.append(
            Constant(group, name, value, *(_line(parts[each]) for each in _TEXT.groupindex))
        )
    return found


def tables_of(constants: list[Constant]) -> str:
    """One table for each group, in Markdown."""
    lines: list[str] = []
    group = None
    for each in constants:
        if each.group != group:
            group = each.group
            lines += ["", f"### {group}", "", "| constant | value | what | why | evidence |"]
            lines.append("|---|---|---|---|---|")
        cells = (f"`{each.name}`", each.value, each.what, each.why, each.evidence)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines[1:])


def _line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def tables_at(root: Path) -> str:
    """The tables of all modules of the repository at `root`."""
    return tables_of([one for path in MODULES for one in constants_of((root / path).read_text())])


def main(root: Path) -> None:
    """Writes the tables of the repository at `root`."""
    tables = tables_at(root)
    document = root / DOCUMENT
    document.write_text(with_part(document.read_text(), FIRST, LAST, tables))


if __name__ == "__main__":
    main(Path())
