"""The page of a report in a real Chromium: its numbers, its drawings, and no complaint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_report_page import HOSTILE, a_run

from xfd_api.errors import DiskFullError
from xfd_api.results import DistributionReport
from xfd_ray.report_page import report_page
from xfd_testing import browser, emulators
from xfd_testing.reports import node, small_report

pytestmark = pytest.mark.skipif(
    emulators.is_absent(browser.VARIABLE, browser.PROGRAM),
    reason=f"needs Chromium (set {browser.VARIABLE}): {browser.ADVICE}",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[browser.Browser]:
    with browser.running() as started:
        yield started


def hostile() -> DistributionReport:
    names = tuple(HOSTILE.values())
    nodes = tuple(
        node(f"{k}-{name}"[:56], host=name, error=DiskFullError(name))
        for k, name in enumerate(names)
    )
    report = small_report()
    assert report.timeline is not None
    return small_report(nodes=(*report.nodes, *nodes), timeline=report.timeline)


RUNS = {
    "two nodes": small_report,
    "one node": lambda: a_run(1, 3, 1),
    "sixteen nodes": lambda: a_run(16, 300, 30),
    "two thousand nodes": lambda: a_run(2000, 20, 500),
    "hostile names": hostile,
}

PIXELS = """(name) => {
  const canvas = document.getElementById(name);
  const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const seen = new Set();
  for (let k = 0; k < all.length; k += 4) {
    if (all[k + 3] > 200) seen.add(`${all[k] >> 4},${all[k + 1] >> 4},${all[k + 2] >> 4}`);
  }
  return seen.size;
}"""
"""How many clearly different colours a canvas shows."""


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(
    ("run", "scheme"), [*((run, "light") for run in RUNS), ("sixteen nodes", "dark")]
)
def test_a_page_is_drawn_without_a_complaint_and_fits_its_window(
    run: str, width: int, scheme: Any, chromium: browser.Browser, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(report_page(RUNS[run]()), encoding="utf-8")
    with chromium.open(path, width=width, scheme=scheme) as look:
        look.page.wait_for_selector("html[data-drawn=yes]")
        assert look.complaints == []
        assert look.requests == [path.as_uri()]
        assert look.overflow == 0
        for name in ("orders", "chunks"):
            assert look.page.evaluate(PIXELS, name) >= 3
        assert look.page.locator("#throughput canvas").count() == 1


def test_the_page_shows_the_numbers_of_the_report(
    chromium: browser.Browser, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(report_page(small_report()), encoding="utf-8")
    with chromium.open(path, width=1280) as look:
        page = look.page
        page.wait_for_selector("html[data-drawn=yes]")
        assert page.inner_text("#card-time") == "2.00 s"
        assert page.inner_text("#card-efficiency") == "75%"
        assert page.inner_text("#card-read-from-the-origin") == "1.000 times"
        assert (
            page.inner_text("#alone tbody tr:first-child")
            == "bytes from the store\t8.0 MiB\t16.0 MiB"
        )
        assert page.locator("#nodes tbody tr").count() == 2
        assert "OriginThrottledError" in page.inner_text("#failures")
        box = page.locator("#orders").bounding_box()
        times = "[0.1234, 59.999, 83, 119.7].map(secondsText)"
        assert page.evaluate(times) == ["0.12 s", "1 min 0 s", "1 min 23 s", "2 min 0 s"]
        texts = set()
        for x in range(240, int(box["width"]), 90):
            for y in range(4, int(box["height"]) - 24, 9):
                page.mouse.move(box["x"] + x, box["y"] + y)
                texts.add(page.inner_text("#orders-tip"))
        assert (
            "gpu-17 (aaaaaaaaaaaa): chunk 1 of models/a.bin from gpu-18 (bbbbbbbbbbbb), 4.0 MiB at "
            "1.00 s in 0.80 s (5.0 MiB/s), waited 0.20 s"
        ) in texts
        assert any("from the origin" in text for text in texts)


def test_the_curves_add_up_to_the_bytes_that_arrived(
    chromium: browser.Browser, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    report = a_run(16, 300, 30)
    path.write_text(report_page(report), encoding="utf-8")
    sums = """() => {
      const data = JSON.parse(document.getElementById("data").textContent);
      const [at, origin, peers] = throughputOf(data, 100);
      const sum = (all) => all.reduce((a, b) => a + b, 0) * (at[1] - at[0]);
      return [sum(origin), sum(peers)];
    }"""
    with chromium.open(path, width=1280) as look:
        look.page.wait_for_selector("html[data-drawn=yes]")
        origin, peers = look.page.evaluate(sums)
    moved = report.timeline.transfers if report.timeline else None
    assert moved is not None
    assert moved.every == 1
    total = sum(moved.bytes)
    from_origin = sum(n for n, source in zip(moved.bytes, moved.source, strict=True) if source < 0)
    assert origin == pytest.approx(from_origin, rel=1e-6)
    assert peers == pytest.approx(total - from_origin, rel=1e-6)
