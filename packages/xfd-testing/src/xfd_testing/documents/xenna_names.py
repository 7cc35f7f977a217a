"""The table of names in docs/start/xenna.md, made from `xfd_pipelines.xenna_names`.

    python -m xfd_testing.documents.xenna_names

writes it between the two markers of the document. A test compares the two.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from xfd_pipelines.xenna_names import NAMES
from xfd_testing.documents.markers import with_part

DOCUMENT = Path("docs/start/xenna.md")
MARK = "<!-- From xfd_pipelines/xenna_names.py: `python -m xfd_testing.documents.xenna_names`. -->"


def table() -> str:
    """One row for each owner and advice, in Markdown."""
    rows = ["| of | names | instead |", "|---|---|---|"]
    for (owner, instead), names in groupby(NAMES, lambda each: (each.owner, each.instead)):
        listed = ", ".join(f"`{each.name}`" for each in names)
        rows.append(f"| `{owner}` | {listed} | {instead or 'the same'} |")
    return "\n".join(rows)


def main(root: Path) -> None:
    """Writes the table of the repository at `root`."""
    document = root / DOCUMENT
    document.write_text(with_part(document.read_text(), MARK, MARK, table()))


if __name__ == "__main__":
    main(Path())
