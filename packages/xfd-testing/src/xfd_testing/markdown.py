"""Fenced code blocks of Markdown pages, for tests that run what a page shows.

`python markdown.py FOLDER PAGE...` writes each Python block to a file of FOLDER.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, and the line where its text starts."""

    language: str
    text: str
    line: int


def blocks_of(page: Path) -> list[Block]:
    """All fenced blocks, in the page's order."""
    return [
        Block(token.info.strip(), token.content, (token.map or [0])[0] + 2)
        for token in MarkdownIt().parse(page.read_text())
        if token.type == "fence"
    ]


def main(folder: Path, pages: list[Path]) -> None:
    """Writes the Python blocks of the pages, named by page and line."""
    folder.mkdir(parents=True, exist_ok=True)
    for page in pages:
        for block in blocks_of(page):
            if block.language == "python":
                name = f"{page.parent.name or 'top'}_{page.stem}_{block.line}".replace("-", "_")
                (folder / f"{name}.py").write_text(block.text)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(page) for page in sys.argv[2:]])
