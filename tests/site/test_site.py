"""The built site in a real Chromium, on a telephone and on a desk: no network, no complaint.

`nox -s docs` builds it before it runs this.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from xfd_testing import browser, emulators
from xfd_testing.site.serving import served

SITE = Path(__file__).parents[2] / ".nox" / "docs-site"
pytestmark = [
    pytest.mark.skipif(not SITE.exists(), reason="needs the built site: nox -s docs"),
    pytest.mark.skipif(
        emulators.is_absent(browser.VARIABLE, browser.PROGRAM),
        reason=f"needs Chromium (set {browser.VARIABLE}): {browser.ADVICE}",
    ),
]

PAGES = [
    "",
    "ARCHITECTURE/",
    "cli/",
    "decisions/",
    "reference/xfd-api/",
    "reference/xfd-ray/",
    "repository/CONTRIBUTING/",
]
"""A page of each kind: prose, diagrams, wide tables, docstrings, and one from outside of docs/."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with served(SITE) as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[browser.Browser]:
    with browser.running() as started:
        yield started


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_its_window_and_asks_nobody_else(
    page: str, width: int, scheme: Any, site: str, chromium: browser.Browser
) -> None:
    with chromium.open(site + page, width=width, scheme=scheme) as look:
        look.page.wait_for_load_state("networkidle")
        assert look.complaints == []
        assert [each for each in look.requests if not each.startswith((site, "data:"))] == []
        assert look.overflow == 0


def test_a_search_finds_a_page(site: str, chromium: browser.Browser) -> None:
    with chromium.open(site, width=1280) as look:
        look.page.locator("input.md-search__input").click()
        look.page.keyboard.type("amplification")
        found = look.page.locator(".md-search-result__link").first
        found.wait_for()
        assert look.complaints == []
        found.click()
        look.page.wait_for_url(lambda address: address != site)
        assert "amplification" in look.page.inner_text("article").lower()
