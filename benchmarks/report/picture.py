"""The page of a saved report, and its picture as a browser shows it."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from xfd_api import DistributionReport
from xfd_ray.report_page import report_page
from xfd_testing import browser

WIDTH = 1120
COLOURS = 96
LAST = "#chunks-tip"
"""The picture ends above this element: tables below say in numbers what the drawings show."""


def draw(saved: Path, folder: Path) -> None:
    """Writes `report.html` and `report.png` into the folder."""
    page = folder / "report.html"
    page.write_text(report_page(DistributionReport.load(saved)), encoding="utf-8")
    with browser.running() as chromium, chromium.open(page, width=WIDTH, scale=1.25) as look:
        look.page.wait_for_selector("html[data-drawn=yes]")
        end = look.page.locator(LAST).bounding_box()
        picture = {"x": 0, "y": 0, "width": WIDTH, "height": end["y"] - 4}
        taken = look.page.screenshot(full_page=True, clip=picture)
    # A picture in a repository is small: it has few colours.
    Image.open(io.BytesIO(taken)).quantize(COLOURS).save(folder / "report.png", optimize=True)
