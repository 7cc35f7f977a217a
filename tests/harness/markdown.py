"""Fenced code blocks of Markdown pages, for tests that run what a page shows."""

from __future__ import annotations

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
