"""The first part of docs/index.md, which is that of README.md.

    python -m xfd_testing.documents.home

writes it between the two markers of the document. A test compares the two.
"""

from __future__ import annotations

import re
from pathlib import Path

from xfd_testing.documents.markers import with_part

DOCUMENT = Path("docs/index.md")
SOURCE = Path("README.md")
FIRST = "<!-- From README.md: run `python -m xfd_testing.documents.home`. -->"
LAST = "<!-- End of what README.md says. -->"
_UNTIL = "\n## Try it\n"
_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)]+)\)")


def section(readme: str) -> str:
    """The README up to what needs a copy of the repository, with links from `docs/`.

    >>> section("See [it](docs/a.md) and [that](LICENSE).")
    'See [it](a.md) and [that](../LICENSE).'
    """
    text = readme.partition(_UNTIL)[0].strip()
    return _LINK.sub(lambda link: f"]({_from_docs(link[1])})", text)


def _from_docs(path: str) -> str:
    return path.removeprefix("docs/") if path.startswith("docs/") else f"../{path}"


def main(root: Path) -> None:
    """Writes the page of the repository at `root`."""
    document = root / DOCUMENT
    made = section((root / SOURCE).read_text())
    document.write_text(with_part(document.read_text(), FIRST, LAST, made))


if __name__ == "__main__":
    main(Path())
