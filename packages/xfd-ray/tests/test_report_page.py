"""The page of a report: its figures, its escapes, and its size for one node and for thousands."""

from __future__ import annotations

import hashlib
import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import pytest

from xfd_api.errors import DiskFullError
from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId
from xfd_api.reports import ChunkHeld
from xfd_api.results import DistributionReport, ObjectResult
from xfd_api.timeline_recorder import TimelineRecorder
from xfd_api.traffic import Prices, Traffic, ZoneBytes
from xfd_ray.report_page import figures, report_page, vendored
from xfd_testing.reports import MIB, node, small_report

MOST_BYTES = 1_300_000
"""Size of the page that may be sent by mail, whatever the run."""

HOSTILE = {
    "an element": "<script>alert(1)</script>",
    "the end of the data": "</script><img src=x onerror=alert(1)>",
    "a comment": "<!--<script>",
    "an attribute": "\" onmouseover='alert(1)'",
    "an entity": "&lt;b&gt;",
    "a terminal's code": "a\x1b[31mb",
    "a changed direction": "a\u202eb",
    "a lone surrogate": "a\udcffb",
    "a line separator": "a\u2028b",
    "a very long name": "x" * 100_000,
}


class Elements(HTMLParser):
    """The elements and attributes of a page, and the text of its data."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._open: list[str] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if "script" not in self._open[-1:] and "style" not in self._open[-1:]:
            self.text.append(data)


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def page_of(name: str) -> str:
    """A page on which a stranger's words are wherever they can be."""
    nodes = (
        node("a" * 56, host=name, state="failed", error=DiskFullError(name)),
        node(name, host="", joined_late=True),
    )
    objects = (
        ObjectResult(
            name,
            name,
            8 * MIB,
            8 * MIB,
            2,
            0,
            error=DiskFullError(name),
            left_out=(name,),
            left_out_count=2,
        ),
    )
    return report_page(small_report(nodes=nodes, objects=objects), title=name)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_names_of_strangers_are_text_and_nothing_else(name: str) -> None:
    plain = Elements(page_of("plain"))
    page = page_of(name)
    found = Elements(page)
    assert set(found.tags) == set(plain.tags)
    assert found.tags.count("script") == plain.tags.count("script")
    assert {key for key, _ in found.attributes} == {key for key, _ in plain.attributes}
    assert "\x1b" not in page
    assert "\u202e" not in page
    page.encode()
    assert len(data_of(page)["keys"][0]) <= 120


def test_the_page_says_what_the_report_says() -> None:
    traffic = Traffic((ZoneBytes(None, "", 8 * MIB),), Prices(origin_per_gb=100.0))
    text = " ".join(Elements(report_page(small_report(traffic=traffic))).text)
    for words in (
        "1 object, 8.0 MiB, on 2 nodes in 2.00 s.",
        "75%",
        "1.000 times",
        "8.0 MiB/s",
        "before the first byte 0.20 s",
        "bytes arriving 1.70 s",
        "after the last byte 0.10 s",
        "gpu-17 (aaaaaaaaaaaa)",
        "OriginThrottledError",
    ):
        assert words in text


def test_downloads_of_each_node_by_itself_read_what_came_from_peers_as_well() -> None:
    traffic = Traffic((ZoneBytes(None, "", 8 * MIB),), Prices(origin_per_gb=100.0))
    compared = figures.alone(small_report(traffic=traffic))
    assert (compared.actual_bytes, compared.bytes) == (8 * MIB, 16 * MIB)
    assert (compared.actual_ranges, compared.ranges) == (2, 4)
    assert compared.actual_cost == pytest.approx(100 * 8 * MIB / 1e9)
    assert compared.cost == pytest.approx(100 * 16 * MIB / 1e9)
    assert figures.alone(small_report()).cost is None


def test_stragglers_and_failed_nodes_come_first() -> None:
    nodes = [node(f"{k}", elapsed_s=1.0) for k in range(5)]
    nodes += [node("slow", elapsed_s=3.0), node("gone", elapsed_s=0.5, state="lost")]
    (first, none), (second, ratio), *_ = figures.slowest(nodes, 40)
    assert (first.node, none) == ("gone", None)
    assert (second.node, ratio) == ("slow", 3.0)


def a_run(nodes: int, chunks: int, objects: int) -> DistributionReport:
    """A run in which each chunk goes from node to node, as the recorder notes it."""
    names = [NodeId(f"{k:056x}") for k in range(nodes)]
    recorder = TimelineRecorder(0.0)
    for chunk in range(chunks):
        for k, name in enumerate(names):
            source = None if k == 0 else names[k - 1]
            event = ChunkHeld(OrderId(0), ChunkIndex(chunk), 1, source, MIB, 0.75, 0.5)
            recorder.held(name, event, MIB, 1.0 + chunk * 0.25 + k * 0.01)
    elapsed = 1.0 + chunks * 0.25 + nodes * 0.01
    timeline = recorder.timeline(
        dict.fromkeys(names, (0.0, elapsed)),
        {ChunkIndex(chunk): ObjectIndex(chunk % objects) for chunk in range(chunks)},
        [ObjectIndex(k) for k in range(objects)],
    )
    return small_report(
        elapsed_s=elapsed,
        bound_s=elapsed / 2,
        nodes=tuple(node(name, host=f"ip-10-0-{k}.ec2.internal") for k, name in enumerate(names)),
        objects=tuple(
            ObjectResult(f"models/shard-{k:05d}.safetensors", f"/data/{k}", MIB, MIB, nodes, 0)
            for k in range(objects)
        ),
        timeline=timeline,
    )


@pytest.mark.parametrize(
    ("nodes", "chunks", "objects"), [(1, 3, 1), (16, 600, 30), (2000, 40, 10_000)]
)
def test_the_page_has_a_bounded_size(nodes: int, chunks: int, objects: int) -> None:
    page = report_page(a_run(nodes, chunks, objects))
    assert len(page.encode()) < MOST_BYTES
    assert len(data_of(page)["names"]) == nodes


def test_a_report_without_a_timeline_has_a_page_without_drawings() -> None:
    page = report_page(small_report(timeline=None))
    assert "<canvas" not in page
    assert "uPlot" not in page
    assert "The report has no timeline" in page


def test_nothing_in_the_page_is_loaded_from_elsewhere() -> None:
    page = report_page(small_report())
    assert "default-src 'none'" in page
    names = {key for key, _ in Elements(page).attributes}
    assert names.isdisjoint({"src", "href", "srcset", "action"})


def test_the_plotting_library_is_the_published_one() -> None:
    folder = files("xfd_ray.report_page").joinpath("vendored")
    for name, expected in vendored.SHA256.items():
        assert hashlib.sha256(folder.joinpath(name).read_bytes()).hexdigest() == expected, name
    assert f"v{vendored.VERSION}" in folder.joinpath("uPlot.iife.min.js").read_text()
    assert "MIT License" in folder.joinpath("LICENSE").read_text()
