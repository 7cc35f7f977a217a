"""Runs what the pages of the documentation show; CONTRIBUTING.md has the comments for blocks.

    run_page(page, world, folder)

A block that does not do what its page says raises a `BlockFailed`, with the page and its line.
"""

from __future__ import annotations

from xfd_testing.pages.blocks import BlockFailed, PageBlock, blocks_of_page, pages_with_blocks
from xfd_testing.pages.running import run_page
from xfd_testing.pages.world import World

__all__ = ["BlockFailed", "PageBlock", "World", "blocks_of_page", "pages_with_blocks", "run_page"]
