"""One Markdown document, taken apart once for all checks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token


@dataclass(frozen=True)
class Finding:
    """Something to correct: in which document, at which line, and what."""

    path: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


@dataclass(frozen=True)
class Text:
    """One paragraph, list item, heading or table cell.

    Attributes:
        line: where it begins, from 1.
        words: its text; a code span counts as one word.
        codes: its code spans.
        links: the targets of its links and images.
        heading: whether it is a heading.
        cell: whether it is a cell of a table.
    """

    line: int
    words: str
    codes: tuple[str, ...]
    links: tuple[str, ...]
    heading: bool
    cell: bool


@dataclass(frozen=True)
class Page:
    """A document: its lines, its texts, and its fenced blocks as (line, language, code)."""

    path: Path
    lines: tuple[str, ...]
    texts: tuple[Text, ...]
    blocks: tuple[tuple[int, str, str], ...]
    code_lines: frozenset[int]

    @classmethod
    def read(cls, path: Path) -> Page:
        """Reads and parses a document."""
        return cls.parse(path, path.read_text())

    @classmethod
    def parse(cls, path: Path, source: str) -> Page:
        """Parses a document's text; `path` says where relative links start from."""
        texts: list[Text] = []
        blocks: list[tuple[int, str, str]] = []
        code_lines: set[int] = set()
        opened = ""
        row = 0
        for token in MarkdownIt("commonmark").enable("table").parse(source):
            if token.type in ("fence", "code_block"):
                first, last = token.map or (0, 0)
                code_lines.update(range(first + 1, last + 1))
                blocks.append((first + 1, token.info.strip(), token.content))
            elif token.type == "tr_open":
                row = (token.map or (row, 0))[0]
            elif token.type == "inline":
                line = (token.map or (row, 0))[0] + 1
                texts.append(_text(token, line, opened))
            if token.nesting == 1:
                opened = token.type
        lines = tuple(source.splitlines())
        return cls(path, lines, tuple(texts), tuple(blocks), frozenset(code_lines))

    def anchors(self) -> set[str]:
        """The anchors of the page's headings, as GitHub makes them."""
        found: set[str] = set()
        for text in self.texts:
            if not text.heading:
                continue
            plain = re.sub(r"[^\w\- ]", "", text.words.lower()).strip().replace(" ", "-")
            again = 0
            while (name := f"{plain}-{again}" if again else plain) in found:
                again += 1
            found.add(name)
        return found


def _text(token: Token, line: int, opened: str) -> Text:
    words: list[str] = []
    codes: list[str] = []
    links: list[str] = []
    for child in token.children or ():
        if child.type == "code_inline":
            codes.append(child.content)
            words.append(child.content if opened == "heading_open" else "code")
        elif child.type in ("softbreak", "hardbreak"):
            words.append(" ")
        elif child.type == "link_open":
            links.append(str(child.attrs.get("href", "")))
        elif child.type == "image":
            links.append(str(child.attrs.get("src", "")))
        else:
            words.append(child.content)
    is_cell = opened in ("td_open", "th_open")
    heading = opened == "heading_open"
    return Text(line, "".join(words), tuple(codes), tuple(links), heading, is_cell)
