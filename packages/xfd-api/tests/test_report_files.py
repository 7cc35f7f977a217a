"""A report can be saved, and read again as it was, by this version of xfd and by later ones."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from report_strategies import comparable, reports

from xfd_api.errors import (
    DestinationError,
    DestinationNotWritableError,
    DiskFullError,
    ReportFileError,
    ReportSchemaError,
    XfdError,
)
from xfd_api.results import DistributionReport
from xfd_testing.reports import node, small_report


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(reports())
def test_any_report_comes_back_from_json_as_it_was(report: DistributionReport) -> None:
    again = DistributionReport.from_json(report.to_json())
    assert comparable(again) == comparable(report)


def test_a_report_without_errors_is_equal_to_what_was_saved(tmp_path: Path) -> None:
    report = small_report()
    path = tmp_path / "run.json"
    report.save(path)
    assert DistributionReport.load(path) == report
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]


def test_readers_without_xfd_find_the_schema_and_the_derived_figures() -> None:
    document = small_report().to_dict()
    assert (document["schema"], document["efficiency"], document["amplification"]) == (1, 0.75, 1.0)
    assert json.loads(small_report().to_json()) == json.loads(json.dumps(document))


def test_errors_keep_their_class_and_fields_and_have_no_passwords() -> None:
    error = DiskFullError("No room for http://me:secret@h/a", path="/data", node="n1", remedy="Go")
    report = small_report(nodes=(node("a", error=error), node("b")))
    text = report.to_json()
    assert "secret" not in text
    (again, _) = DistributionReport.from_json(text).nodes
    assert type(again.error) is DiskFullError
    assert str(again.error) == str(error)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("[]", "no field schema"),
        ("{}", "no field schema"),
        ("{", "no JSON"),
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('{"schema": "1"}', "schema is '1'"),
        ('{"schema": true}', "schema is True"),
        ('{"schema": 0}', "schema is 0"),
        ('{"schema": 1}', "elapsed_s is missing"),
        ({"elapsed_s": "2"}, "elapsed_s is '2' instead of a value of the type float"),
        ({"retries": 1.5}, "retries is 1.5 instead of a value of the type int"),
        ({"retries": True}, "retries is True"),
        ({"nodes": {}}, "nodes is {} instead of a list"),
        ({"nodes": [{"node": "a"}]}, "nodes[0].state is missing"),
        ({"nodes": [7]}, "nodes[0] is 7 instead of an object with fields"),
        ({"elapsed_s": float("nan")}, "elapsed_s is nan instead of a finite number"),
        ({"bound_s": float("inf")}, "bound_s is inf instead of a finite number"),
        ({"elapsed_s": 10**400}, "elapsed_s is 1000"),
        ({"catalog_bytes": 10**400}, "instead of a whole number of 64 bits"),
        ({"catalog_bytes": -(2**63) - 1}, "instead of a whole number of 64 bits"),
        ({"bound_source": "guessed"}, "bound_source is 'guessed' instead of one of"),
        ({"traffic": {"prices": {"origin_per_gb": -1.0}}}, "traffic.prices: origin_per_gb is -1.0"),
    ],
    ids=str,
)
def test_what_is_no_report_is_refused_with_the_place_that_is_wrong(change: Any, words: str) -> None:
    text = change if isinstance(change, str) else json.dumps(small_report().to_dict() | change)
    with pytest.raises(ReportFileError) as caught:
        DistributionReport.from_json(text)
    assert words in caught.value.what


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("node", [0, 1, 0], "the columns of timeline.transfers have different lengths"),
        ("bytes", [1], "the columns of timeline.transfers have different lengths"),
        ("node", [0, 1, 0, 2], "timeline.transfers.node has a place outside 0 to 1"),
        ("source", [-2, 0, 0, 0], "timeline.transfers.source has a place outside -1 to 1"),
        ("chunk", [0, 1, 2, 0], "timeline.transfers.chunk has a place outside 0 to 1"),
        ("object", [0, 0, 0, 1], "timeline.transfers.object has a place outside 0 to 0"),
    ],
)
def test_a_timeline_that_refers_to_nothing_is_refused(
    column: str, value: list[int], words: str
) -> None:
    document = small_report().to_dict()
    document["timeline"]["transfers"][column] = value
    with pytest.raises(ReportFileError) as caught:
        DistributionReport.from_json(json.dumps(document))
    assert words in caught.value.what


def test_only_nodes_of_the_report_receive_in_its_timeline() -> None:
    document = small_report().to_dict()
    document["timeline"]["nodes"].append("a peer that only sent")
    document["timeline"]["transfers"]["source"] = [2, 2, 2, 2]
    assert DistributionReport.from_json(json.dumps(document)).timeline is not None
    for column in ("transfers", "landings"):
        wrong = json.loads(json.dumps(document))
        wrong["timeline"][column]["node"][0] = 2
        with pytest.raises(ReportFileError, match=f"{column}.node has a place outside 0 to 1"):
            DistributionReport.from_json(json.dumps(wrong))
    del document["timeline"]["nodes"][1:]
    with pytest.raises(ReportFileError, match=r"timeline\.nodes lacks 1 nodes of the report"):
        DistributionReport.from_json(json.dumps(document))


def test_a_report_of_a_later_schema_names_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "later.json"
    path.write_text('{"schema": 2}')
    with pytest.raises(ReportSchemaError) as caught:
        DistributionReport.load(path)
    assert str(caught.value) == (
        f"The report has the schema 2, and this version of xfd reads up to 1 (path {path}). "
        "Read it with a version of xfd as new as the one that saved it"
    )


def test_fields_and_errors_of_a_later_version_are_read_over() -> None:
    document = small_report().to_dict() | {"new": 1}
    document["nodes"][0]["error"] = {"error": "BrandNewError", "what": "It broke"}
    document["nodes"][1]["error"] = {"error": "without_credentials", "what": "It broke"}
    again = DistributionReport.from_json(json.dumps(document))
    assert [type(each.error) for each in again.nodes] == [XfdError, XfdError]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("absent.json", None, DestinationError),
        ("folder", "folder", DestinationError),
        ("binary.json", b"\xff\xfe", ReportFileError),
        ("cut.json", b'{"schema":1,', ReportFileError),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: Any, kind: type[XfdError]
) -> None:
    path = tmp_path / name
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(kind) as caught:
        DistributionReport.load(path)
    assert caught.value.path == str(path)
    assert caught.value.remedy


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(DestinationNotWritableError) as caught:
        small_report().save(tmp_path / "absent" / "run.json")
    assert caught.value.path == str(tmp_path / "absent" / "run.json")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DestinationNotWritableError):
        small_report().save(tmp_path / "run.json")


def test_a_save_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json"
    small_report().save(path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DestinationError, match="No space left on device"):
        small_report(retries=9).save(path)
    assert DistributionReport.load(path) == small_report()
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]


def test_a_notebook_shows_the_slowest_nodes_and_escapes_all_names() -> None:
    nodes = [node(f"{k:056d}", host=f"h{k}", elapsed_s=float(k)) for k in range(30)]
    nodes.append(node("x" * 56, host="<script>alert(1)</script>", state="lost"))
    page = small_report(nodes=tuple(nodes))._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "h29 (" in page
    assert "h3 (" not in page
    assert "11 other nodes were faster" in page
    assert "75%" in page
