"""A real Chromium without a window, driven by Playwright, which looks at pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from xfd_testing import emulators

VARIABLE = "XFD_TEST_CHROMIUM"
PROGRAM = "chromium"
ADVICE = "apt-get install chromium"


@dataclass
class Look:
    """A page that was opened.

    Attributes:
        page: Playwright's page, to ask it about elements.
        requests: the addresses that were asked for, that of the page itself first.
        complaints: what the page wrote to its console, and exceptions of its scripts.
    """

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        root = "document.documentElement"
        return int(self.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth"))


class Browser:
    """A browser. Use `running`."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser

    @contextmanager
    def open(
        self,
        place: Path | str,
        *,
        width: int,
        height: int = 900,
        scheme: Literal["light", "dark"] = "light",
        scale: float = 1.0,
    ) -> Iterator[Look]:
        """Opens a file, or an address, in a window of its own."""
        window = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            device_scale_factor=scale,
        )
        try:
            look = Look(window.new_page())
            look.page.on("request", lambda request: look.requests.append(request.url))
            look.page.on("console", lambda message: look.complaints.append(message.text))
            look.page.on("pageerror", lambda error: look.complaints.append(str(error)))
            look.page.goto(place if isinstance(place, str) else place.resolve().as_uri())
            yield look
        finally:
            window.close()


@contextmanager
def running() -> Iterator[Browser]:
    """Starts a browser for a block.

    Raises:
        StartError: there is none.
    """
    program = emulators.find(VARIABLE, PROGRAM, ADVICE)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield Browser(browser)
        finally:
            browser.close()
