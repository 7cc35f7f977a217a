"""Metrics on a real cluster: Ray's agents and own endpoints say what the report says, exactly."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path

import pytest
import ray

import xfd_ray
from xfd_api import metrics
from xfd_api.chunking import chunk_ranges
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_api.results import DistributionReport
from xfd_api.stores import ObjectStoreConfig
from xfd_testing import artifacts, emulators, prometheus
from xfd_testing.processes import free_ports
from xfd_testing.ray_cluster import RayCluster, running
from xfd_testing.s3 import S3Server
from xfd_testing.waiting import until

pytestmark = pytest.mark.skipif(
    find_spec("opentelemetry") is None, reason="Ray's agents need what ray[default] installs"
)

MIB = 2**20
SIZE = 40 * MIB
NODES = 3
SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)$")
RAYS_LABEL = re.compile(r'\b[A-Z]\w*="[^"]*",?')
LABEL = re.compile(r'(\w+)="([^"]*)"')

Samples = Counter[tuple[str, str]]
"""Sums over all series of a name and a value of xfd's own label."""

Drive = Callable[[RayCluster], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def measured(s3_server: S3Server) -> Iterator[RayCluster]:
    with running(NODES, env=s3_server.environment(), with_metrics=True) as cluster:
        yield cluster


@pytest.fixture
def model(bucket: str, s3_server: S3Server) -> str:
    s3_server.put(bucket, "model", b"".join(artifacts.random_bytes(SIZE, seed=4)))
    return bucket


def bring(bucket: str, name: str = "model", **options: object) -> DistributionReport:
    wanted = DownloadRequest(ObjectDownloadRequest("model", Path(bucket, name)))
    store = ObjectStoreConfig.make_for_s3(bucket)
    return xfd_ray.download_distributed(wanted, store, **options)  # type: ignore[arg-type]


def lines_of(address: str) -> list[str]:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        lines: list[str] = answer.read().decode().splitlines()
    return [line for line in lines if "xfd_" in line]


def agents() -> list[str]:
    return [f"{node['NodeManagerAddress']}:{node['MetricsExportPort']}" for node in ray.nodes()]


def summed(addresses: list[str], prefix: str = "") -> Samples:
    label_of = {row.name: row.label for row in metrics.METRICS}
    sums: Samples = Counter()
    for line in (line for address in addresses for line in lines_of(address)):
        found = SAMPLE.match(line)
        if found is None or line.startswith("#"):
            continue
        name = found[1].removeprefix(prefix)
        labels = dict(LABEL.findall(found[2] or ""))
        if "le" not in labels:
            label = label_of.get(re.sub("_(sum|count)$", "", name)) or ""
            sums[name, labels.get(label, "")] += float(found[3])  # type: ignore[assignment]
    return sums


def check_by_promtool(lines: list[str]) -> None:
    """Nothing is wrong with the metrics; the labels that Ray adds are not snake_case."""
    if not emulators.is_absent(prometheus.TOOL_VARIABLE, prometheus.TOOL):
        own = [RAYS_LABEL.sub("", line) for line in lines]
        assert prometheus.promtool(["check", "metrics"], "\n".join([*own, ""])) == ""


def agree(sums: Samples, report: DistributionReport) -> None:
    """The sums over all nodes, and those of the coordinator, are the report's."""
    for source, count in (("origin", report.origin_bytes), ("peer", report.peer_bytes)):
        assert sums["xfd_bytes_total", source] >= count  # A chunk that moved counts twice.
        assert sums["xfd_lease_bytes_total", source] == count
    chunks = len(list(chunk_ranges(SIZE, None)))
    assert sums["xfd_chunks_total", "origin"] == sums["xfd_transfer_seconds_count", "origin"]
    assert sums["xfd_chunks_total", "peer"] == sums["xfd_transfer_seconds_count", "peer"]
    assert sums["xfd_chunks_total", "origin"] == chunks
    assert sums["xfd_chunks_total", "peer"] == (NODES - 1) * chunks
    assert sums["xfd_objects_total", "landed"] == NODES
    assert sums["xfd_lease_missing_bytes_total", ""] == report.missing_bytes == SIZE
    assert sums["xfd_leases_ended_total", "done"] == 1
    assert sums["xfd_verification_failures_total", ""] == 0
    assert ("xfd_origin_requests_total", "throttled") in sums
    assert sums["xfd_origin_requests_total", "answered"] >= chunks + 1
    assert sums["xfd_workers_lost_total", ""] == 0


def test_the_agents_keep_all_of_a_run_that_left_nothing_behind(
    measured: RayCluster, model: str, drive: Drive
) -> None:
    with drive(measured):
        report = bring(model, keep_s=0.0)
        until(lambda: not xfd_ray.status(), 30, "the coordinator is still there")
        # What a process has left goes out while it ends.
        until(
            lambda: summed(agents(), "ray_")["xfd_objects_total", "landed"] == NODES,
            15,
            "an agent lacks what a worker counted",
        )
        sums = summed(agents(), "ray_")
        agree(sums, report)
        assert sums["xfd_bytes_total", "cache"] == 0
        until(has_no_gauges, 15, "gauges of ended processes are shown")
        for address in agents():
            check_by_promtool(lines_of(address))


def has_no_gauges() -> bool:
    gauges = {row.name for row in metrics.METRICS if row.kind == "gauge"}
    return not {name for name, _ in summed(agents(), "ray_")} & gauges


def split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def test_two_calls_with_other_choices_share_workers_and_both_get_what_they_ask_for(
    measured: RayCluster, model: str, drive: Drive, tmp_path: Path
) -> None:
    (first,) = free_ports(1)
    with drive(measured):
        store = ObjectStoreConfig.make_for_s3(model)
        wanted = [DownloadRequest(ObjectDownloadRequest("model", Path(model, "model")))]
        before = summed(agents(), "ray_")
        with xfd_ray.distribution(wanted, store, metrics="off") as silent:
            (quiet,) = xfd_ray.status()
            assert quiet.metrics_address == ""
            assert {node.metrics_address for node in quiet.nodes} == {""}
            assert xfd_ray.metrics_addresses() == {}
            bring(model, metrics="port", metrics_ports=(first, first + 20))
            until(lambda: len(endpoints()) == NODES + 1, 10, "a process has no endpoint")
            assert all(first <= split(address)[1] <= first + 20 for address in endpoints())
            bring(model, metrics="off")
            assert len(endpoints()) == NODES + 1
            until(
                lambda: summed(endpoints())["xfd_leases_ended_total", "done"] == 2,
                10,
                "the coordinator's endpoint does not follow",
            )
            sums = summed(endpoints())
            assert sums["xfd_lease_bytes_total", "origin"] == silent.report.origin_bytes
            assert sums["xfd_lease_bytes_total", "peer"] == silent.report.peer_bytes
            assert sums["xfd_nodes", "done"] == NODES
            assert sums["xfd_leases", "done"] == 1
            assert sums["xfd_build_info", xfd_ray.__version__] == NODES
            assert sums["xfd_coordinator_build_info", xfd_ray.__version__] == 1
            assert sums["xfd_amplification_ratio", ""] == 1.0
            for address in endpoints():
                check_by_promtool(lines_of(address))
            targets_are_listed(measured, tmp_path / "xfd.json")
        assert summed(agents(), "ray_") == before  # Nobody asked for Ray's.


def endpoints() -> list[str]:
    (status,) = xfd_ray.status()
    found = [address for of_node in xfd_ray.metrics_addresses().values() for address in of_node]
    return [*found, status.metrics_address] if status.metrics_address else found


def targets_are_listed(cluster: RayCluster, path: Path) -> None:
    """`xfd metrics targets` writes what Prometheus can read."""
    command = [sys.executable, "-m", "xfd_ray", "metrics", "targets"]
    command += ["--address", cluster.address]
    ran = subprocess.run([*command, "--file", str(path), "--once"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    groups = json.loads(path.read_text())
    assert sorted(group["targets"][0] for group in groups) == sorted(endpoints())
    roles = Counter(group["labels"]["__meta_xfd_role"] for group in groups)
    assert roles == {"worker": NODES, "coordinator": 1}
    printed = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)
    assert json.loads(printed.stdout) == groups
    if emulators.is_absent(prometheus.TOOL_VARIABLE, prometheus.TOOL):
        return
    config = path.with_name("prometheus.yml")
    config.write_text(
        "scrape_configs:\n- job_name: xfd\n  file_sd_configs:\n"
        f"  - files: ['{path}']\n  relabel_configs:\n"
        "  - {source_labels: [__meta_xfd_role], target_label: role}\n"
    )
    prometheus.promtool(["check", "config", str(config)])
    found = prometheus.promtool(["check", "service-discovery", "--timeout=1s", str(config), "xfd"])
    targets, _ = json.JSONDecoder().raw_decode(found[found.index("[") :])
    assert {target["labels"]["role"] for target in targets} == {"worker", "coordinator"}
    assert len(targets) == NODES + 1
