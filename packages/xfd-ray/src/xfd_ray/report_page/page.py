"""Puts the page together: its text in Python, its curves by scripts that it contains.

A policy in the page forbids it to load anything. Names of objects, hosts and archives' entries are
a stranger's words: they are escaped in the text, and scripts write them as text, never as HTML.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from xfd_api.results import DistributionReport
from xfd_api.sanitize import sanitized_json
from xfd_ray.report_page import sections
from xfd_ray.report_page.chart_data import chart_data
from xfd_ray.report_page.html import text_of

_STYLES = ("vendored/uPlot.min.css", "assets/page.css")
_SCRIPTS = (
    "vendored/uPlot.iife.min.js",
    "assets/format.js",
    "assets/canvas.js",
    "assets/throughput.js",
    "assets/orders.js",
    "assets/chunks.js",
    "assets/page.js",
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def report_page(report: DistributionReport, *, title: str = "xfd report") -> str:
    """The report as an HTML document that needs no other file, and no network.

    Args:
        report: what a distribution did.
        title: of the page.

    Example:
        >>> from xfd_api import DistributionReport
        >>> report = DistributionReport(2.0, 1.5, "observed", 8, 8, 8, 24, 0, 0, (), ())
        >>> page = report_page(report)
        >>> page.startswith("<!doctype html>"), "75%" in page
        (True, True)
    """
    data = chart_data(report)
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="color-scheme" content="light dark"><title>{text_of(title)}</title>'
        + "".join(f"<style>{_asset(name)}</style>" for name in _STYLES)
    )
    body = sections.body(report, title=title, drawn=data is not None)
    scripts = ""
    if data is not None:
        scripts = f'<script type="application/json" id="data">{_embedded(data)}</script>'
        scripts += "".join(f"<script>{_asset(name)}</script>" for name in _SCRIPTS)
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}{scripts}</body></html>\n'
    )


def _embedded(data: Any) -> str:
    """JSON that cannot end the script element that it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return sanitized_json(text).replace("<", "\\u003c")


def _asset(name: str) -> str:
    return files("xfd_ray.report_page").joinpath(*name.split("/")).read_text(encoding="utf-8")
