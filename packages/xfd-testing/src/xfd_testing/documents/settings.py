"""The table of settings in docs/configuration.md, made from `xfd_api.configuration.table`.

    python -m xfd_testing.documents.settings

writes it between the two markers of the document. A test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from xfd_api.configuration.table import READERS, SETTINGS, Setting
from xfd_testing.documents.markers import with_part

DOCUMENT = Path("docs/configuration.md")
FIRST = (
    "<!-- From xfd_api/configuration/table.py: run `python -m xfd_testing.documents.settings`. -->"
)
LAST = "<!-- End of the settings. -->"


def table_of(settings: Iterable[Setting]) -> str:
    """One row for each setting, in Markdown."""
    rows = [
        "| setting | variable | what it may be | default | meaning | read by |",
        "|---|---|---|---|---|---|",
    ]
    for each in settings:
        default = each.unset if each.default is None else f"`{each.kind.toml(each.default)}`"
        key = f"`{each.key}`" if each.in_file else "only the variable"
        readers = "; ".join(READERS[reader] for reader in each.readers)
        cells = (key, f"`{each.variable}`", each.kind.allowed, default, each.meaning, readers)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def main(root: Path) -> None:
    """Writes the table of the repository at `root`."""
    document = root / DOCUMENT
    document.write_text(with_part(document.read_text(), FIRST, LAST, table_of(SETTINGS)))


if __name__ == "__main__":
    main(Path())
