"""What to fetch and where to: the words of the command line, and the lines of `--from-file`.

The rules are those of `cp`: the last word is the destination, and for several sources it is a
folder. Pure, except for `read_lines`.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from xfd_api.errors import InvalidRequestError, XfdError

STDOUT = "-"
"""The destination that is standard output; a file of that name is `./-`."""

STDIN = "-"
"""The file of `--from-file` that is standard input."""


@dataclass(frozen=True, slots=True)
class Operand:
    """One source and its destination, as they were written.

    Attributes:
        source: a uri.
        destination: a path, or None for the default: the working folder, or the hub cache.
        into: whether the destination is a folder that gets the source under its own name.
        line: the line of a file that it comes from, as errors name it; None for the command line.
    """

    source: str
    destination: str | None = None
    into: bool = False
    line: str | None = None


def is_source(word: str) -> bool:
    """Whether a word is a uri, and no path."""
    return "://" in word


def split_words(words: Sequence[str], *, from_file: bool) -> tuple[list[str], str | None]:
    """The sources among the words of a command line, and the destination.

    Args:
        words: without options.
        from_file: whether a file has sources too, so that the words may have none.

    Raises:
        InvalidRequestError: the destination is missing or no path, or a source is none.

    Example:
        >>> split_words(["s3://b/one", "s3://b/two", "models"], from_file=False)
        (['s3://b/one', 's3://b/two'], 'models')
    """
    if not words:
        return [], None
    sources, last = list(words[:-1]), words[-1]
    at_hub = all(word.lower().startswith("hf://") for word in words)
    if is_source(last) and len(words) > 1 and not at_hub and not from_file:
        raise InvalidRequestError(
            "The last word is the destination, and this one is a source",
            object=last,
            remedy="Name a folder at the end, such as . for the working folder",
        )
    is_alone = len(words) == 1 and not from_file
    destination = None if is_source(last) or is_alone else last
    if destination is None:
        sources.append(last)
    for word in sources:
        if not is_source(word) and not is_alone:
            raise InvalidRequestError(
                "All words but the last are sources, and this one is none",
                object=word,
                remedy="Write file:///folder/file for a path, and quote names with blanks",
            )
    return sources, destination


def operands_of(
    sources: Sequence[str], destination: str | None, lines: Sequence[Operand] | None = None
) -> list[Operand]:
    """Each source with its destination.

    Args:
        sources: of the command line.
        destination: of the command line. With several sources or a file it is a folder.
        lines: of the file; None without one.

    Raises:
        InvalidRequestError: several sources are to go to standard output.
    """
    into = lines is not None or len(sources) > 1
    if into and destination == STDOUT:
        raise InvalidRequestError(
            "Only one object can go to standard output",
            remedy="Use xfd-get cat, or name a folder to fetch to",
        )
    given = [Operand(source, destination, into=into) for source in sources]
    return given + [_below(line, destination) for line in lines or ()]


def _below(line: Operand, folder: str | None) -> Operand:
    """The operand of a line, whose relative destination lies below the command's folder."""
    if line.destination is None:
        return Operand(line.source, folder, into=True, line=line.line)
    if folder is None or Path(line.destination).is_absolute():
        return line
    return Operand(line.source, f"{folder}/{line.destination}", line=line.line)


@contextlib.contextmanager
def at_line(line: str | None) -> Iterator[None]:
    """Names the line of the file in an error of what it says."""
    try:
        yield
    except XfdError as error:
        if line is None:
            raise
        raise type(error)(f"{line}: {error.what}", **error.fields()) from None


def read_lines(name: str) -> list[Operand]:
    """The operands of a file with a `SOURCE [DESTINATION]` on each line.

    Empty lines and lines that start with `#` are skipped. Names with blanks are quoted as in a
    shell.

    Raises:
        InvalidRequestError: the file cannot be read, or a line is wrong; it says which.
    """
    shown = "standard input" if name == STDIN else name
    try:
        body = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
        text = body.decode("utf-8-sig")  # Some editors begin a file with a mark of its bytes.
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidRequestError(f"The list cannot be read: {reason}", path=shown) from None
    return parse_lines(text, shown)


def parse_lines(text: str, name: str) -> list[Operand]:
    r"""See `read_lines`.

    Example:
        >>> parse_lines("# two files\ns3://b/one\ns3://b/two 'my models/'\n", "list")[1]
        Operand(source='s3://b/two', destination='my models/', into=False, line='list, line 3')
    """
    operands = []
    # Only these end a line: names of objects may have the other ones that Python knows.
    for number, line in enumerate(re.split(r"\r?\n", text), start=1):
        where = f"{name}, line {number}"
        if line.strip() and not line.lstrip().startswith("#"):
            operands.append(_operand(line, where))
    if not operands:
        raise InvalidRequestError("The list names no source", path=name)
    return operands


def _operand(line: str, where: str) -> Operand:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise InvalidRequestError(
            f"{where}: {error}", remedy="Close the quotation, or write \\ before a quote"
        ) from None
    if len(words) > 2:
        raise InvalidRequestError(
            f"{where}: it has {len(words)} words",
            remedy="Write SOURCE [DESTINATION]; quote names with blanks, and give a comment a line",
        )
    source, destination = words[0], words[1] if len(words) > 1 else None
    if not is_source(source):
        raise InvalidRequestError(
            f"{where}: {source!r} is no source",
            remedy="Write s3://bucket/key, hf://ORG/NAME or file:///folder/file",
        )
    if destination is not None and (destination == STDOUT or is_source(destination)):
        raise InvalidRequestError(
            f"{where}: {destination!r} is no destination on disk", remedy="Write a file or a folder"
        )
    return Operand(source, destination, line=where)
