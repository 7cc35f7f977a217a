"""Turns what stands under Unreleased in CHANGELOG.md into fragments.

Run by `nox -s bump`, so that a release has both: lines that somebody wrote there, and changelog.d.
"""

from __future__ import annotations

import re
from pathlib import Path

CHANGELOG = Path("CHANGELOG.md")
FRAGMENTS = Path("changelog.d")

_SECTION = re.compile(r"^## \[Unreleased\]\n(.*?)(?=^<!-- towncrier)", re.MULTILINE | re.DOTALL)
_KIND = re.compile(r"^### (\w+)\n(.*?)(?=^### |\Z)", re.MULTILINE | re.DOTALL)
_ITEM = re.compile(r"^- (.*?)(?=^- |\Z)", re.MULTILINE | re.DOTALL)


def split(changelog: str) -> tuple[str, dict[str, str]]:
    r"""The changelog without the section, and its items by the names of their files.

    Example:
        >>> text = "## [Unreleased]\n\n### Fixed\n\n- One\n  thing.\n\n<!-- towncrier -->\n"
        >>> split(text)
        ('<!-- towncrier -->\n', {'+unreleased-000.fixed.md': 'One\nthing.\n'})
    """
    found = _SECTION.search(changelog)
    if found is None:
        return changelog, {}
    items = {
        f"+unreleased-{place:03}.{kind.lower()}.md": re.sub(r"\n {2}", "\n", item).strip() + "\n"
        for kind, text in _KIND.findall(found[1])
        for place, item in enumerate(_ITEM.findall(text))
    }
    return changelog[: found.start()] + changelog[found.end() :], items


def main() -> None:
    """Writes the files, in the folder that it is run in."""
    rest, items = split(CHANGELOG.read_text())
    for name, text in items.items():
        (FRAGMENTS / name).write_text(text)
    CHANGELOG.write_text(rest)


if __name__ == "__main__":
    main()
