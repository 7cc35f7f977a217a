"""A block of a page, and the error that names it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xfd_testing.documents import documents_of
from xfd_testing.markdown import Block, blocks_of


class BlockFailed(AssertionError):
    """A block does not do what its page says."""

    def __init__(self, page: Path, line: int, what: str) -> None:
        super().__init__(f"{page}:{line}: {what}")


@dataclass(frozen=True)
class PageBlock:
    """A block, and the page that it is on."""

    page: Path
    block: Block

    @property
    def is_shown_only(self) -> bool:
        """Whether it is not run, because its page says so."""
        return "shown" in self.block.notes

    def failed(self, what: str) -> BlockFailed:
        """The error that names this block."""
        return BlockFailed(self.page, self.block.line, what)


def blocks_of_page(page: Path) -> list[PageBlock]:
    """All blocks of a page.

    Raises:
        ValueError: a comment before a block has a name that nobody reads.
    """
    return [PageBlock(page, block) for block in blocks_of(page)]


def pages_with_blocks(root: Path) -> list[Path]:
    """The pages of `docs/`, and the packages' READMEs, that have a block."""
    places = (root / "docs", root / "packages")
    return [
        page
        for page in documents_of(root)
        if any(place in page.parents for place in places) and blocks_of(page)
    ]
