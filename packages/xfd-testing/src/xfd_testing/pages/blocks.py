"""The blocks of a page, and the comments that say how each one is tested."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from xfd_testing.markdown import Block, blocks_of

NOTES = ("before", "file", "needs", "exit", "shown")
_NOTE = re.compile(r"\s*<!-- (\w+): (.+?) -->\s*")


class BlockFailed(AssertionError):
    """A block does not do what its page says."""

    def __init__(self, page: Path, line: int, what: str) -> None:
        super().__init__(f"{page}:{line}: {what}")


@dataclass(frozen=True)
class PageBlock:
    """A block, where it is, and what the comments before it say.

    Attributes:
        notes: by their names, such as `file` or `exit`; see CONTRIBUTING.md.
    """

    page: Path
    block: Block
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def is_shown_only(self) -> bool:
        """Whether it is not run, because its page says so."""
        return "shown" in self.notes

    def failed(self, what: str) -> BlockFailed:
        """The error that names this block."""
        return BlockFailed(self.page, self.block.line, what)


def blocks_of_page(page: Path) -> list[PageBlock]:
    """All blocks of a page with their comments, which stand on the lines just before each.

    Raises:
        BlockFailed: a comment has a name that nobody reads.
    """
    lines = page.read_text().splitlines()
    return [PageBlock(page, block, _notes(page, lines, block.line)) for block in blocks_of(page)]


def _notes(page: Path, lines: list[str], first: int) -> dict[str, str]:
    """The comments above a block whose text starts at line `first`, counted from 1."""
    found: dict[str, str] = {}
    above = first - 2  # The fence is one line up, and the list counts from 0.
    while above > 0 and (note := _NOTE.fullmatch(lines[above - 1])):
        if note[1] not in NOTES:
            raise BlockFailed(page, above, f"{note[1]} is none of {', '.join(NOTES)}")
        found[note[1]] = f"{note[2]}\n{found.get(note[1], '')}".strip()
        above -= 1
    return found
