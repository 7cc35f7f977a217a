"""Parts of a document that a script writes, between two markers that stay."""

from __future__ import annotations


def with_part(document: str, first: str, last: str, made: str) -> str:
    r"""The document with this text between its markers.

    Raises:
        ValueError: it lacks a marker.

    >>> with_part("a <1>old<2> b", "<1>", "<2>", "new")
    'a <1>\n\nnew\n\n<2> b'
    """
    before, _, rest = document.partition(first)
    _, mark, after = rest.partition(last)
    if not mark:
        raise ValueError(f"The document lacks {first} or {last} after it")
    return f"{before}{first}\n\n{made}\n\n{last}{after}"
