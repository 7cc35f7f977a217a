"""Fenced code blocks of Markdown pages, for tests that run what a page shows.

A comment on a line just before a block says how it is tested; CONTRIBUTING.md has all of them.

`python markdown.py FOLDER PAGE...` writes each Python block to a file of FOLDER, for a check of its
types, except those whose types are not known.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt

NOTES = ("before", "exit", "file", "needs", "shown", "untyped")
_NOTE = re.compile(r"\s*<!-- (\w+): (.+?) -->\s*")


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        language: the word after the fence; empty if there is none.
        line: where its text starts.
        notes: what the comments before it say, by their names.
    """

    language: str
    text: str
    line: int
    notes: Mapping[str, str] = field(default_factory=dict)


def blocks_of(page: Path) -> list[Block]:
    """All fenced blocks, in the page's order.

    Raises:
        ValueError: a comment has a name that nobody reads.
    """
    text = page.read_text()
    lines = text.splitlines()
    blocks = []
    for token in MarkdownIt().parse(text):
        if token.type == "fence":
            fence = (token.map or [0])[0]  # Lines count from 0 here.
            notes = _notes(lines[:fence], page)
            blocks.append(Block(token.info.strip(), token.content, fence + 2, notes))
    return blocks


def _notes(above: list[str], page: Path) -> dict[str, str]:
    """The comments at the end of the lines above a block."""
    found: dict[str, str] = {}
    for number in range(len(above), 0, -1):
        note = _NOTE.fullmatch(above[number - 1])
        if note is None:
            break
        name, said = note[1], note[2]
        if name not in NOTES:
            raise ValueError(f"{page}:{number}: {name} is none of {', '.join(NOTES)}")
        found[name] = f"{said}\n{found[name]}" if name in found else said
    return found


def main(folder: Path, pages: list[Path]) -> None:
    """Writes the Python blocks of the pages, named by page and line."""
    folder.mkdir(parents=True, exist_ok=True)
    for page in pages:
        for block in blocks_of(page):
            if block.language == "python" and not {"needs", "untyped"} & block.notes.keys():
                name = f"{page.parent.name or 'top'}_{page.stem}_{block.line}".replace("-", "_")
                (folder / f"{name}.py").write_text(block.text)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(page) for page in sys.argv[2:]])
