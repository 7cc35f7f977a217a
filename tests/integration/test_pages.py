"""Every block of every page does what it shows, on one cluster for all of them.

CONTRIBUTING.md says how a page is written; `xfd_testing.pages.world` is what the blocks find.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from xfd_testing.pages import World, blocks_of_page, pages_with_blocks, run_page, world

ROOT = Path(__file__).parents[2]

ELSEWHERE = {
    "docs/cli.md": "packages/xfd-ray/tests/test_completion.py",
    "docs/how-to/aws-roles.md": "tests/integration/test_how_to.py",
    "docs/how-to/packages.md": "tests/integration/test_ways_in_packages.py",
    "docs/how-to/paid-and-encrypted.md": "tests/integration/test_how_to.py",
    "docs/how-to/release.md": "tests/repository/test_bump.py",
    "docs/origins.md": "tests/integration/test_examples.py",
    "packages/xfd-dataplane/README.md": "packages/xfd-dataplane/tests/test_readme.py",
}
"""Pages whose blocks have a test of their own, which says more than that they run."""

HERE = [
    page
    for page in pages_with_blocks(ROOT)
    if page.parent.name != "how-to" and str(page.relative_to(ROOT)) not in ELSEWHERE
]
"""The others are those of `test_pages_how_to.py`: files run side by side, each with a cluster."""

SHOWN = {
    "docs/ARCHITECTURE.md": 1,
    "docs/BENCHMARKS.md": 7,
    "docs/RELIABILITY.md": 1,
    "docs/how-to/air-gap.md": 2,
    "docs/how-to/conda-environment.md": 1,
    "docs/monitoring.md": 3,
    "docs/operation.md": 3,
    "docs/scheduler.md": 2,
    "docs/screens/README.md": 1,
    "docs/start/one-host.md": 1,
    "docs/troubleshooting.md": 1,
}
"""How many blocks of a page are only shown. Each says why, in its comment."""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="module")
def everything() -> Iterator[World]:
    with world.running() as started:
        yield started


@pytest.mark.parametrize("page", HERE, ids=name)
def test_a_page_does_what_it_shows(page: Path, everything: World, tmp_path: Path) -> None:
    run_page(page, everything, tmp_path, pytest.skip)


def test_blocks_that_are_only_shown_are_few_and_known() -> None:
    blocks = [block for page in pages_with_blocks(ROOT) for block in blocks_of_page(page)]
    assert Counter(name(block.page) for block in blocks if block.is_shown_only) == SHOWN


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=name)
def test_no_block_escapes_by_being_indented(page: Path) -> None:
    tokens = MarkdownIt().parse(page.read_text())
    assert [token.content for token in tokens if token.type == "code_block"] == []


@pytest.mark.parametrize(("page", "test"), ELSEWHERE.items(), ids=list(ELSEWHERE))
def test_a_page_that_is_left_out_has_a_test_of_its_own(page: str, test: str) -> None:
    assert (ROOT / page).name in (ROOT / test).read_text()
