"""The table of metrics: its names, the fields that it reads, the documents."""

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from xfd_api.metrics import ANY, LEASE_STATES, METRICS, NODE_STATES, Metric
from xfd_api.reports import ChunkHeld, NodeCounters
from xfd_ray import coordinator_status
from xfd_ray.metrics.exposition import ReadingsCollector
from xfd_ray.metrics.figures import CoordinatorFigures, WorkerFigures
from xfd_ray.metrics.readings import Readings, Times, coordinator_readings, node_readings

SOURCES = {"data plane": NodeCounters, "worker": WorkerFigures, "coordinator": CoordinatorFigures}
TIMES = {source: Times((1,) * 14, 3.5) for source in ("origin", "peer")}


def readings_of(figures: Any) -> Readings:
    """The readings of a process that has these figures, and no others."""
    if isinstance(figures, CoordinatorFigures):
        return coordinator_readings(figures, version="1.2.3")
    counters = figures if isinstance(figures, NodeCounters) else NodeCounters()
    own = figures if isinstance(figures, WorkerFigures) else WorkerFigures()
    return node_readings(counters, own, TIMES, root="/data", version="1.2.3")


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, item.name) for kind in SOURCES.values() for item in fields(kind)],
)
def test_every_figure_changes_what_is_exported(kind: type, name: str):
    assert readings_of(replace(kind(), **{name: 7})) != readings_of(kind())


@pytest.mark.parametrize("origin", SOURCES)
def test_each_figure_has_one_series_of_the_table(origin: str):
    rows = [row for row in METRICS if row.origin == origin and row.kind != "histogram"]
    series = [field for row in rows for field in row.series.values()]
    assert sorted(series) == sorted(item.name for item in fields(SOURCES[origin]))


def test_a_row_has_a_label_or_one_series():
    for row in METRICS:
        assert (row.label is None) == (list(row.series) == [""]), row.name
        assert ANY not in row.series or len(row.series) == 1
    (times,) = (row for row in METRICS if row.kind == "histogram")
    assert set(times.series.values()) <= {item.name for item in fields(ChunkHeld)}


def test_states_are_those_of_a_status():
    assert coordinator_status.NODE_STATES == NODE_STATES
    assert coordinator_status.HELD_STATES == LEASE_STATES


def test_names_follow_the_conventions_of_prometheus():
    assert len({row.name for row in METRICS}) == len(METRICS)
    for row in METRICS:
        assert re.fullmatch(r"xfd(_[a-z]+)+", row.name)
        assert row.name.endswith("_total") is (row.kind == "counter")
        assert row.unit is None or row.name.removesuffix("_total").endswith(f"_{row.unit}")
        assert not row.help.endswith(".")


def test_a_figure_without_a_value_has_no_series():
    exported = readings_of(WorkerFigures()).values
    assert ("xfd_disk_free_bytes", "/data") not in exported
    assert exported["xfd_build_info", "1.2.3"] == 1
    assert ("xfd_efficiency_ratio", "") not in readings_of(CoordinatorFigures()).values


@pytest.mark.parametrize("figures", [WorkerFigures(1, 1), CoordinatorFigures(efficiency_ratio=1)])
def test_what_a_scrape_shows_is_the_table_and_nothing_else(figures: Any):
    if isinstance(figures, CoordinatorFigures):
        figures = replace(figures, amplification_ratio=1.0)
    readings = readings_of(figures)
    exported = {
        (re.sub(r"_(bucket|count|sum)$", "", sample.name), label, value)
        for family in ReadingsCollector(lambda: readings).collect()
        for sample in family.samples
        for label, value in list(sample.labels.items()) or [(None, "")]
        if label != "le"
    }
    shown = {"root": "/data", "version": "1.2.3"}
    assert exported == {
        (row.name, row.label, shown[row.label or ""] if value == ANY else value)
        for row in readings.rows
        for value in row.series
    }


def test_the_documents_have_the_same_table():
    lines = (Path(__file__).parents[3] / "docs/telemetry.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `xfd_")]
    of_nodes = [row for row in METRICS if row.origin != "coordinator"]
    of_coordinators = [row for row in METRICS if row.origin == "coordinator"]
    assert rows == [document_row(row) for row in (*of_nodes, *of_coordinators)]


def document_row(row: Metric) -> str:
    values = ", ".join("any" if value == ANY else f"`{value}`" for value in row.series if value)
    label = f"`{row.label}`: {values}" if row.label else ""
    return f"| `{row.name}` | {row.kind} | {label} | {row.help} |"
