"""Each panel and each rule shows a real run: Ray's agents, its discovery file, and Prometheus."""

from __future__ import annotations

import itertools
import json
import math
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

import xfd_ray
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, UnpackOptions
from xfd_api.results import DistributionReport
from xfd_api.stores import ObjectStoreConfig
from xfd_testing import artifacts, emulators, prometheus
from xfd_testing.processes import Supervised
from xfd_testing.prometheus import PrometheusServer, Series
from xfd_testing.ray_cluster import RayCluster, running
from xfd_testing.s3 import S3Server
from xfd_testing.slow_link import slow_link
from xfd_testing.waiting import POLL_S, until

ROOT = Path(__file__).parents[2]
MIB = 2**20
SIZE = 48 * MIB
SLOW_BYTES_PER_S = 6.0 * MIB
"""The run takes eight seconds, which is eight scrapes."""

NODES = 2
SCRAPED_S = 20.0
"""Longest time from the end of a run to a scrape that has all of it: the workers publish, and
report to their agents, every two seconds each."""

SOURCES = ("ray_xfd", "xfd")
"""Beginnings of names: from Ray's agents, and from endpoints of xfd's own."""

VARIABLES = {
    "$SessionName": ".*",
    "$Cluster": ".*",
    "$__range": "5m",
    "$__rate_interval": "10s",
}

Found = list[tuple[Series, float]]


def skip_without(variable: str, program: str) -> pytest.MarkDecorator:
    absent = emulators.is_absent(variable, program)
    return pytest.mark.skipif(absent, reason=f"no {program} here, and {variable} names none")


needs_promtool = skip_without(prometheus.TOOL_VARIABLE, prometheus.TOOL)
needs_prometheus = skip_without(prometheus.VARIABLE, prometheus.PROGRAM)
needs_agents = pytest.mark.skipif(
    find_spec("opentelemetry") is None, reason="Ray's agents need what ray[default] installs"
)


@needs_promtool
def test_the_rules_do_what_their_tests_say() -> None:
    prometheus.promtool(
        ["check", "rules", "--lint=all", "--lint-fatal", str(ROOT / "dashboards/rules.yml")]
    )
    prometheus.promtool(["test", "rules", str(ROOT / "dashboards/rules_test.yml")])


@needs_promtool
def test_each_alert_has_a_test_that_fires_it_and_one_that_does_not() -> None:
    rules = yaml.safe_load((ROOT / "dashboards/rules.yml").read_text())["groups"][0]["rules"]
    tests = yaml.safe_load((ROOT / "dashboards/rules_test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test.get("alert_rule_test", [])]
    for alert in (rule["alert"] for rule in rules if "alert" in rule):
        fired = {bool(case["exp_alerts"]) for case in cases if case["alertname"] == alert}
        assert fired == {True, False}, alert


@pytest.fixture(scope="module")
def observed(s3_server: S3Server) -> Iterator[RayCluster]:
    with running(NODES, env=s3_server.environment(), with_metrics=True) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def server(
    observed: RayCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusServer]:
    """Prometheus, as Ray and `xfd dashboards install` configure it, but scraping each second.

    It scrapes what `xfd metrics targets` lists as well.
    """
    folder = tmp_path_factory.mktemp("targets")
    at = ("--address", observed.address)
    command = ["xfd", "metrics", "targets", *at, "--file", str(folder / "xfd.json"), "--every", "1"]
    targets = Supervised(command, folder / "log")
    try:
        install = ["xfd", "dashboards", "install", *at, "--json"]
        ran = subprocess.run(install, check=True, capture_output=True, text=True)
        installed = json.loads(ran.stdout)
        dashboards = observed.session / "metrics/grafana/dashboards"
        assert Path(installed["dashboard"]).parent == dashboards
        config = Path(installed["prometheus"])
        quick = yaml.safe_load(config.read_text())
        quick["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        files = {"files": [str(folder / "xfd.json")], "refresh_interval": "1s"}
        quick["scrape_configs"].append({"job_name": "xfd", "file_sd_configs": [files]})
        config.with_name("quick.yml").write_text(yaml.safe_dump(quick))
        with prometheus.running(config.with_name("quick.yml")) as started:
            until(lambda: scrapes_all(started), 60, "Prometheus does not scrape Ray's agents")
            yield started
    finally:
        targets.stop()


def scrapes_all(server: PrometheusServer) -> bool:
    return server.value('count(up{job="ray"} == 1)') >= NODES


def targets() -> Iterator[tuple[str, str, str]]:
    """The panel's title, the expression with its variables, and the legend, of each query."""
    for panel in json.loads((ROOT / "dashboards/xfd.json").read_text())["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"], target["legendFormat"]


def panels(source: str) -> dict[str, list[str]]:
    """The expressions of each panel, without variables."""
    found: dict[str, list[str]] = {}
    for title, expression, _ in targets():
        found.setdefault(title, []).append(in_prometheus(expression, source))
    return found


def in_prometheus(expression: str, source: str) -> str:
    for variable, value in {"${names}": source, **VARIABLES}.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression
    return expression


@needs_agents
@needs_prometheus
def test_each_panel_and_each_rule_shows_a_run_as_its_report_has_it(
    server: PrometheusServer,
    observed: RayCluster,
    bucket: str,
    s3_server: S3Server,
    tmp_path: Path,
    drive: Callable[[RayCluster], AbstractContextManager[None]],
) -> None:
    body = b"".join(artifacts.random_bytes(SIZE, seed=3))
    archive = artifacts.tar_gz(tmp_path / "env.tar.gz", artifacts.environment(files=100))
    s3_server.put(bucket, "model", body)
    s3_server.upload(bucket, "env.tar.gz", archive)
    wanted = [
        DownloadRequest(ObjectDownloadRequest("model", Path(bucket, "model"))),
        DownloadRequest(
            ObjectDownloadRequest(
                "env.tar.gz",
                Path(bucket, "env.tar.gz"),
                unpack_options=UnpackOptions(Path(bucket, "env")),
            )
        ),
    ]
    with (
        slow_link(s3_server.endpoint, SLOW_BYTES_PER_S) as endpoint,
        drive(observed),
        ThreadPoolExecutor(1) as thread,
    ):
        store = ObjectStoreConfig.make_for_s3(bucket, endpoint=endpoint)
        # Small chunks arrive one after the other, so that each scrape sees some more.
        run = thread.submit(
            xfd_ray.download_distributed, wanted, store, chunk_size_bytes=MIB, metrics="both"
        )
        asked = {
            (source, title): set(queries)
            for source in SOURCES
            for title, queries in panels(source).items()
        }
        seen = first_values(server, set().union(*asked.values()), run.done)
        report = run.result()
        for source in SOURCES:
            scraped_all(lambda source=source: check_panels(server, source, report))
        seen |= first_values(server, set().union(*asked.values()) - set(seen), lambda: True)
        assert {panel for panel, queries in asked.items() if not queries <= set(seen)} == set()
        check_legends(seen)
        scraped_all(lambda: check_rules(server, report, observed))
        scraped_all(lambda: check_nodes(server, seen, observed))


def first_values(
    server: PrometheusServer, queries: set[str], is_over: Callable[[], bool]
) -> dict[str, Found]:
    """The first result of each query that has one, until all have or it is over."""
    seen: dict[str, Found] = {}
    while True:
        over = is_over()
        for query in queries - set(seen):
            found = [each for each in server.query(query) if not math.isnan(each[1])]
            if found:
                seen[query] = found
        if over or queries == set(seen):
            return seen
        time.sleep(POLL_S)


def values(server: PrometheusServer, source: str, title: str, label: str = "") -> dict[str, float]:
    """What a panel shows, by the value of a label."""
    return {
        labels.get(label, ""): value
        for query in panels(source)[title]
        for labels, value in server.query(query)
    }


def scraped_all(check: Callable[[], None]) -> None:
    """Repeats a check until it passes, or `SCRAPED_S` is over."""
    deadline = time.monotonic() + SCRAPED_S
    while True:
        try:
            return check()
        except (AssertionError, KeyError):
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_S)


def check_panels(server: PrometheusServer, source: str, report: DistributionReport) -> None:
    def shown(title: str, label: str = "") -> dict[str, float]:
        return values(server, source, title, label)

    def one(title: str) -> float:
        return shown(title)[""]

    sources = shown("Bytes by source", "source")
    assert (sources["origin"], sources["peer"]) == (report.origin_bytes, report.peer_bytes)
    assert one("Origin amplification") == pytest.approx(report.amplification)
    assert one("Efficiency of the last call") == pytest.approx(report.efficiency)
    assert one("Still to bring") == 0
    assert one("Since the last progress") < 30
    assert one("Verification failures") == 0
    assert one("Workers lost") == len(report.nodes_lost)
    objects = shown("Objects and archive entries", "state")
    assert objects["landed"] == 2 * NODES
    assert sum(shown("Nodes by state", "state").values()) == NODES
    assert shown("Calls that are over", "outcome")["done"] == 1
    assert set(shown("Versions of xfd", "version")) == {xfd_ray.__version__}
    requests = shown("Requests to the origin, in total", "outcome")
    assert requests["answered"] >= 2
    received = {
        labels["source"]: value
        for labels, value in server.query(f"sum by (source) ({source}_bytes_total)")
    }
    # A chunk that moves to a better source during its transfer is received twice in part.
    assert sum(received.values()) >= report.origin_bytes + report.peer_bytes


def check_legends(seen: Mapping[str, Found]) -> None:
    """Each label of a legend is one that its series have."""
    for source, (title, expression, legend) in itertools.product(SOURCES, targets()):
        for labels, _ in seen[in_prometheus(expression, source)]:
            assert set(re.findall(r"{{(\w+)}}", legend)) <= set(labels), title


def check_rules(server: PrometheusServer, report: DistributionReport, cluster: RayCluster) -> None:
    rules = server.rules()
    assert {rule["health"] for rule in rules} == {"ok"}, rules
    recorded = {rule["name"] for rule in rules if rule["type"] == "recording"}
    assert {name for name in recorded if not server.query(name)} == set()
    amplification = [value for _, value in server.query("xfd:amplification:ratio1h")]
    assert amplification == [pytest.approx(report.amplification)] * len(SOURCES)
    usage = shutil.disk_usage(cluster.roots[0])
    alerts = {labels["alertname"] for labels, _ in server.query("ALERTS")}
    assert alerts <= ({"XfdDiskNearlyFull"} if usage.free < 0.1 * usage.total else set())


def check_nodes(server: PrometheusServer, seen: Mapping[str, Found], cluster: RayCluster) -> None:
    """Nodes stand apart, and the disk is the one that they are on."""
    for source in SOURCES:
        (slowest,) = panels(source)["Slowest nodes"]
        assert all(labels["instance"] for labels, _ in seen[slowest])
    disk = [each for source in SOURCES for each in server.query(panels(source)["Fullest disks"][0])]
    assert {labels["root"] for labels, _ in disk} == {str(root) for root in cluster.roots}
    assert len({labels["instance"] for labels, _ in disk}) == NODES * len(SOURCES)
    usage = shutil.disk_usage(cluster.roots[0])
    for _, ratio in disk:
        assert ratio == pytest.approx(usage.free / usage.total, abs=0.1)
