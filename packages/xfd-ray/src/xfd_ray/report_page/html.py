"""Pieces of HTML that the page is made of. Their text is escaped, whoever wrote it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from html import escape

from xfd_api.sanitize import sanitized


def seconds(value: float) -> str:
    """A time for people.

    Example:
        >>> seconds(0.1234), seconds(59.999), seconds(83.0)
        ('0.12 s', '1 min 0 s', '1 min 23 s')
    """
    minutes, rest = divmod(round(value), 60)
    if not minutes:
        return f"{value:.2f} s"
    return f"{minutes} min {rest} s"


def section(name: str, inner: str) -> str:
    """A part of the page with its heading; what is in it is HTML already."""
    return f"<section><h2>{text_of(name)}</h2>{inner}</section>"


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    name: str,
    *,
    numbers: Container[int],
) -> str:
    """A table that scrolls if it is too wide.

    Args:
        heads: the names of its columns, as text.
        rows: the cells of each row, which are HTML already.
        name: the id of its element.
        numbers: the columns that end at the right.
    """

    def row(tag: str, cells: Iterable[str]) -> str:
        marks = (' class="number"' if place in numbers else "" for place in range(len(heads)))
        paired = zip(cells, marks, strict=True)
        return f"<tr>{''.join(f'<{tag}{mark}>{cell}</{tag}>' for cell, mark in paired)}</tr>"

    head = row("th", map(text_of, heads))
    filled = "".join(row("td", each) for each in rows)
    return (
        f'<div class="scroll"><table id="{name}"><thead>{head}</thead>'
        f"<tbody>{filled}</tbody></table></div>"
    )


def text_of(text: str) -> str:
    """A stranger's text as HTML that shows it, with control characters made visible."""
    return escape(sanitized(text))
