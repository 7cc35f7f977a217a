"""What `xfd plan` makes of what the nodes have, and where its rates come from."""

from __future__ import annotations

import json
import time
from array import array
from pathlib import Path

import pytest

from xfd_api.catalog import build_catalog
from xfd_api.chunks import Catalog, FoundObject
from xfd_api.errors import NodeLostError
from xfd_api.ids import NodeId
from xfd_api.lookups import plan_downloads
from xfd_api.results import DistributionReport, NodeResult
from xfd_api.timeline import FROM_ORIGIN, Timeline, Transfers
from xfd_ray.cli.plan.estimate import Estimate, estimate, simulated_s
from xfd_ray.cli.plan.on_node import Room, Survey
from xfd_ray.cli.plan.rates import KnownRates, keep_observed, known_rates, observed_rates
from xfd_ray.cli.plan.view import NO_RATES, Plan, document, parts
from xfd_ray.cli.tables import plain_lines
from xfd_ray.link_rates import LinkRates
from xfd_ray.placement import NodeInfo

MIB = 2**20
A, B = NodeId("a" * 56), NodeId("b" * 56)
NODES = (NodeInfo(A, "10.0.0.1", host="gpu-1"), NodeInfo(B, "10.0.0.2", host="gpu-2"))
FAST = LinkRates(origin=100.0 * MIB, down=100.0 * MIB, up=100.0 * MIB)


def catalog(*sizes: int) -> Catalog:
    uris = [f"s3://bucket/{place}" for place in range(len(sizes))]
    found = [[FoundObject(str(place), size, '"etag"')] for place, size in enumerate(sizes)]
    return build_catalog(plan_downloads(uris, None).lookups, found, chunk_size_bytes=8 * MIB)


def survey(*present: int, free: int = 2**40, missing: int = 0) -> Survey:
    rooms = (Room("/data", missing, free),) if missing else ()
    return Survey(array("q", present), 0, rooms)


@pytest.mark.parametrize(
    ("present", "from_store", "between", "gets"),
    [
        ([(0, 0), (0, 0)], 48 * MIB, 48 * MIB, 6),
        ([(32 * MIB, 16 * MIB), (0, 0)], 0, 48 * MIB, 0),
        ([(32 * MIB, 0), (0, 0)], 16 * MIB, 48 * MIB, 2),
        ([(16 * MIB, 0), (0, 16 * MIB)], 16 * MIB, 48 * MIB, 2),
        ([(32 * MIB, 16 * MIB), (32 * MIB, 16 * MIB)], 0, 0, 0),
    ],
    ids=["nothing there", "one node has all", "one has an object", "parts", "all there"],
)
def test_bytes_leave_the_store_if_no_node_has_them(
    present: list[tuple[int, int]], from_store: int, between: int, gets: int
) -> None:
    surveys = {node: survey(*here) for node, here in zip((A, B), present, strict=True)}
    planned = estimate(catalog(32 * MIB, 16 * MIB), surveys, lookups=2)
    assert (planned.objects, planned.total_bytes, planned.chunks) == (2, 48 * MIB, 6)
    assert planned.from_store == from_store
    assert planned.between_nodes == between
    assert planned.gets == gets
    assert planned.missing == {A: 48 * MIB - sum(present[0]), B: 48 * MIB - sum(present[1])}


def test_small_objects_are_a_request_each() -> None:
    planned = estimate(catalog(*[1000] * 50, 0), {A: survey(*[0] * 51)}, lookups=51)
    assert planned.chunks < 5
    assert planned.gets == 50


def planned(nodes: int, size: int, chunks: int) -> Estimate:
    missing = {NodeId(f"{place:056x}"): size for place in range(nodes)}
    return Estimate(1, size, chunks, missing, size, (nodes - 1) * size, chunks, 1)


def test_the_simulated_time_is_a_little_above_the_bound() -> None:
    some = planned(8, 2000 * MIB, 250)
    bound, expected = some.bound_s(FAST), simulated_s(some, FAST)
    assert bound == pytest.approx(20.0)
    assert expected is not None
    assert bound <= expected <= 1.2 * bound
    assert simulated_s(some, LinkRates()) is None
    assert simulated_s(planned(3, 0, 0), FAST) is None


def test_a_large_cluster_is_simulated_within_seconds() -> None:
    large = planned(400, 2**40, 20_000)
    began = time.process_time()
    expected, bound = simulated_s(large, FAST), large.bound_s(FAST)
    assert time.process_time() - began < 15
    assert bound is not None
    assert expected is not None
    assert bound <= expected <= 1.5 * bound


def report(transfers: Transfers | None, elapsed_s: float = 10.0) -> DistributionReport:
    return DistributionReport(
        elapsed_s=elapsed_s,
        bound_s=None,
        bound_source=None,
        catalog_bytes=0,
        missing_bytes=0,
        origin_bytes=0,
        peer_bytes=0,
        cached_bytes=0,
        retries=0,
        nodes=tuple(NodeResult(node, "done", 1.0, 1, 1, 0, 0, 0, 0, 0) for node in (A, B)),
        objects=(),
        timeline=None if transfers is None else Timeline(nodes=(A, B), transfers=transfers),
    )


MOVED = Transfers(
    node=(0, 1, 1),
    chunk=(0, 0, 1),
    object=(0, 0, 0),
    source=(FROM_ORIGIN, 0, FROM_ORIGIN),
    start_s=(0.0, 2.0, 4.5),
    seconds=(2.0, 1.0, 1.0),
    waited_s=(0.0, 0.0, 0.0),
    bytes=(200, 300, 400),
    total=3,
)


def test_a_run_shows_what_links_can_do() -> None:
    rates = observed_rates(report(MOVED))
    assert rates == LinkRates(origin=200.0, down=(100.0 + 300.0) / 2, up=300.0)
    assert observed_rates(report(MOVED, elapsed_s=1.0)) is None
    assert observed_rates(report(None)) is None
    assert observed_rates(report(Transfers())) is None


def test_rates_are_given_configured_or_observed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert known_rates(None, "head:6379") is None
    keep_observed(report(MOVED), "head:6379", at=0.0)
    observed = known_rates(None, "head:6379")
    assert observed is not None
    assert observed.rates == observed_rates(report(MOVED))
    assert observed.source.startswith("observed by xfd get at 19")
    assert known_rates(None, "another:6379") is None
    monkeypatch.setenv("XFD_DOWN_BYTES_PER_S", "5")
    assert known_rates(None, "head:6379") == KnownRates(LinkRates(down=5.0), "configured")
    assert known_rates(FAST, "head:6379") == KnownRates(FAST, "given")
    monkeypatch.delenv("XFD_DOWN_BYTES_PER_S")
    (tmp_path / "xfd" / "link-rates.json").write_text('{"head:6379": {"rates": {"odd": 1}}}')
    assert known_rates(None, "head:6379") is None


def test_a_user_without_a_home_has_no_observed_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", home)

    keep_observed(report(MOVED), "head:6379", at=0.0)


def plan(*surveys: Survey, known: KnownRates | None, expected: float | None = None) -> Plan:
    by_node = dict(zip((A, B), surveys, strict=False))
    failed = {} if len(surveys) == 2 else {B: NodeLostError("gone", node=B)}
    return Plan(NODES, estimate(catalog(32 * MIB), by_node, 1), by_node, failed, known, expected)


def text(made: Plan) -> list[str]:
    return [
        line
        for part in parts(made)
        for line in ([part] if isinstance(part, str) else plain_lines(part))
    ]


def test_a_plan_says_what_each_node_has_and_lacks() -> None:
    made = plan(
        survey(32 * MIB),
        survey(0, missing=32 * MIB, free=2 * MIB),
        known=KnownRates(FAST, "given"),
        expected=1.25,
    )
    lines = text(made)
    assert lines[0] == "1 object(s), 32.0 MiB in 4 chunk(s), for 2 node(s)"
    assert lines[2].endswith("everything is here")
    assert lines[3].endswith("needs 30.0 MiB more below /data")
    assert lines[4] == "from the store: 0 B in 0 range(s), after 1 lookup(s)"
    assert lines[6].startswith("time: about 1.2 s (simulated), at least 0.3 s; rates store 100.0")
    assert lines[-1] == "nothing was changed"
    assert json.loads(json.dumps(document(made)))["nodes"][1]["disks"][0]["free"] == 2 * MIB
    assert document(made)["ok"] is False


def test_a_plan_without_rates_is_honest() -> None:
    assert NO_RATES in text(plan(survey(0, missing=MIB), survey(0, missing=MIB), known=None))
    whole = plan(survey(32 * MIB), survey(32 * MIB), known=None)
    assert "time: nothing is missing" in text(whole)


def test_a_node_that_does_not_answer_is_named() -> None:
    made = plan(survey(0, missing=MIB), known=None)
    assert text(made)[3].endswith("gone")
    assert document(made)["nodes"][1]["error"]["type"] == "NodeLostError"
    assert document(made)["ok"] is False
