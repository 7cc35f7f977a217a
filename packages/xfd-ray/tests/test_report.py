"""The report as text."""

import pytest

from xfd_api.errors import NodeLostError
from xfd_api.ids import NodeId
from xfd_api.results import DistributionReport, NodeResult
from xfd_ray.report_format import report_text

MIB = 2**20


def result(node: str, **changed: object) -> NodeResult:
    given = {
        "node": NodeId(node),
        "state": "done",
        "elapsed_s": 1.5,
        "objects": 3,
        "files": 3,
        "bytes": 8 * MIB,
        "origin_bytes": 8 * MIB,
        "peer_bytes": 0,
        "served_bytes": 4 * MIB,
        "cached_bytes": 0,
    }
    return NodeResult(**{**given, **changed})  # type: ignore[arg-type]


def test_a_report_has_nodes_bytes_and_bound():
    gone = NodeLostError("gone")
    report = DistributionReport(
        elapsed_s=2.0,
        bound_s=1.0,
        bound_source="observed",
        catalog_bytes=8 * MIB,
        missing_bytes=8 * MIB,
        origin_bytes=8 * MIB,
        peer_bytes=4 * MIB,
        cached_bytes=0,
        retries=3,
        nodes=(result("a" * 56), result("b" * 56, state="lost", error=gone, joined_late=True)),
        objects=(),
        nodes_lost=(NodeId("b" * 56),),
    )
    text = report_text(report)
    assert "amplification 1.000, retries 3" in text
    assert "elapsed 2.00 s, bound 1.00 s (observed rates), efficiency 0.50" in text
    assert "lost, late" in text
    assert f"nodes lost: {'b' * 12}" in text
    assert "\x1b" not in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_hosts_are_named_beside_the_ids_that_ray_gives_their_nodes():
    gone = NodeLostError("gone")
    nodes = (
        result("a" * 56, host="gpu-17"),
        result("b" * 56, host="[bold]gpu\x1b[31m-18", state="lost", error=gone),
    )
    report = DistributionReport(
        0.1, None, None, 5, 0, 0, 0, 5, 0, nodes, (), nodes_lost=(NodeId("b" * 56),)
    )
    text = report_text(report)
    assert "gpu-17" in text
    assert f"nodes lost: [bold]gpu\\x1b[31m-18 ({'b' * 12})" in text
    assert "\x1b" not in text
    assert all(len(line) <= 100 for line in text.splitlines())


@pytest.mark.parametrize(
    ("name", "shown"), [("[/x]", "[/x]"), ("[red]a", "[red]a"), ("\x1b[2Jb\n", "\\x1b[2Jb\\n")]
)
def test_ids_of_a_strangers_report_are_shown_as_they_are(name: str, shown: str):
    report = DistributionReport(0.1, None, None, 5, 0, 0, 0, 5, 0, (result(name),), ())
    row = report_text(report).splitlines()[1]
    assert row.split()[:2] == [shown, "done"]


@pytest.mark.parametrize("width", [80, 96, 200])
def test_a_table_has_all_columns_on_a_terminal(width):
    wide = result(
        "a" * 56, host="ip-10-0-1-233.ec2.internal", bytes=8123450 * MIB, joined_late=True
    )
    report = DistributionReport(0.1, None, None, 5, 0, 0, 0, 5, 0, (wide,), ())
    head, row, *_ = report_text(report, width=width).splitlines()
    names = ["host", "node", "state", "files", "GiB", "origin", "peers", "cached", "served", "s"]
    assert head.split() == names
    assert row.split()[1:] == [
        *("a" * 12, "done,", "late", "3", "7933.1", "0.0", "0.0", "0.0", "0.0", "1.50")
    ]
    assert max(len(head), len(row)) <= width


def test_an_unknown_bound_is_called_unknown():
    report = DistributionReport(0.1, None, None, 5, 0, 0, 0, 5, 0, (result("a"),), ())
    assert "bound unknown" in report_text(report)
