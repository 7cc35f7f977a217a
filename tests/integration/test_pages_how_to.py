"""The how-tos do what they show, as the other pages of `test_pages.py` do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from xfd_testing.pages import World, pages_with_blocks, run_page, world

ELSEWHERE = {"aws-roles", "packages", "paid-and-encrypted", "release"}
"""`test_pages.py` names their tests."""

PAGES = [
    page
    for page in pages_with_blocks(Path(__file__).parents[2])
    if page.parent.name == "how-to" and page.stem not in ELSEWHERE
]


@pytest.fixture(scope="module")
def everything() -> Iterator[World]:
    with world.running() as started:
        yield started


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_how_to_does_what_it_shows(page: Path, everything: World, tmp_path: Path) -> None:
    run_page(page, everything, tmp_path, pytest.skip)
