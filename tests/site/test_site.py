"""The built site in a real Chromium, on a telephone and on a desk: no network, no complaint.

`nox -s docs` builds it before it runs this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from xfd_testing import browser, emulators
from xfd_testing.site.serving import served

SITE = Path(__file__).parents[2] / ".nox" / "docs-site"
pytestmark = pytest.mark.skipif(not SITE.exists(), reason="needs the built site: nox -s docs")
needs_chromium = pytest.mark.skipif(
    emulators.is_absent(browser.VARIABLE, browser.PROGRAM),
    reason=f"needs Chromium (set {browser.VARIABLE}): {browser.ADVICE}",
)

PAGES = [
    "",
    "ARCHITECTURE.html",
    "cli.html",
    "decisions/index.html",
    "reference/xfd-api.html",
    "reference/xfd-ray.html",
    "start/ray.html",
    "troubleshooting.html",
    "repository/CONTRIBUTING.html",
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


def test_no_markdown_is_left_over() -> None:
    """The site's Markdown wants an empty line before a list, and items indented by four."""
    for page in sorted(SITE.rglob("*.html")):
        for paragraph in re.findall(r"<(?:p|td)>(.*?)</(?:p|td)>", page.read_text(), re.DOTALL):
            left = re.search(r"```|^(- |\* |\d+\. )|^:::", paragraph, re.MULTILINE)
            assert left is None, f"{page.relative_to(SITE)}: {paragraph[:200]}"


def test_nothing_is_named_that_only_a_network_has() -> None:
    """Addresses of links are for the reader; nothing else on a page has one."""
    for page in sorted(SITE.rglob("*.html")):
        loaded = re.findall(r"<(?:script|link|img|iframe)[^>]*https?://[^>]*>", page.read_text())
        assert loaded == [], page


@needs_chromium
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


@needs_chromium
def test_diagrams_are_drawn(site: str, chromium: browser.Browser) -> None:
    with chromium.open(site + "ARCHITECTURE.html", width=1280) as look:
        look.page.wait_for_function("document.querySelectorAll('div.mermaid').length == 2")
        assert look.page.locator("pre.mermaid").count() == 0
        assert look.complaints == []


@needs_chromium
@pytest.mark.parametrize("is_served", [True, False], ids=["from a server", "from a folder"])
def test_a_search_finds_a_page(is_served: bool, site: str, chromium: browser.Browser) -> None:
    with chromium.open(site if is_served else SITE / "index.html", width=1280) as look:
        first = look.page.url
        look.page.locator("input.md-search__input").click()
        look.page.keyboard.type("amplification")
        found = look.page.locator(".md-search-result__link").first
        found.wait_for()
        assert look.complaints == []
        found.click()
        look.page.wait_for_url(lambda address: address != first)
        assert "amplification" in look.page.inner_text("article").lower()
