"""The command `xfd` on a real cluster, as a process: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from xfd_api.results import DistributionReport
from xfd_testing import artifacts
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server

MIB = 2**20
SMALL = artifacts.small_objects(12, seed=3)

Xfd = Callable[..., "subprocess.CompletedProcess[str]"]


def command(cluster: RayCluster, *words: object) -> list[str]:
    return [sys.executable, "-m", "xfd_ray", *map(str, words), "--address", cluster.address]


@pytest.fixture
def xfd(cluster: RayCluster) -> Xfd:
    """Runs `xfd` in a pipe, without the store's keys: only the nodes have them."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}

    def run(*words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command(cluster, *words), capture_output=True, text=True, timeout=60, env=env
        )
        assert done.returncode == code, done.stderr
        return done

    return run


@pytest.fixture
def place(bucket: str, cluster: RayCluster) -> Iterator[str]:
    """A folder below each node's root that is this test's own."""
    yield bucket
    for root in cluster.roots:
        shutil.rmtree(root / bucket, ignore_errors=True)


def upload(server: S3Server, bucket: str) -> None:
    for key, body in SMALL.items():
        server.put(bucket, f"small/{key}", body)


def on_nodes(cluster: RayCluster, place: str, name: str) -> list[dict[str, bytes] | None]:
    """The files at a place of each node, without records; None if there is nothing."""
    folders = [root / place / name for root in cluster.roots]
    trees = [artifacts.tree_of(folder) if folder.is_dir() else None for folder in folders]
    return [
        None if tree is None else {k: v for k, v in tree.items() if not k.endswith(".xfd")}
        for tree in trees
    ]


def test_get_brings_files_to_every_node_and_keeps_its_report(
    xfd: Xfd, s3_server: S3Server, bucket: str, place: str, cluster: RayCluster, tmp_path: Path
) -> None:
    upload(s3_server, bucket)
    saved = tmp_path / "run.json"

    first = xfd("get", f"s3://{bucket}/small/", f"{place}/all", "--report", saved)
    again = xfd("get", f"s3://{bucket}/small/", f"{place}/all", "--json")

    assert on_nodes(cluster, place, "all") == [SMALL] * 3
    assert "amplification 1.000" in first.stdout
    report = DistributionReport.load(saved)
    assert report.origin_bytes == sum(map(len, SMALL.values()))
    document: dict[str, Any] = json.loads(again.stdout)
    assert document["ok"] is True
    assert document["missing_bytes"] == 0
    assert len(document["nodes"]) == 3


def test_get_takes_patterns_lists_and_files_of_requests_to_chosen_nodes(
    xfd: Xfd, s3_server: S3Server, bucket: str, place: str, cluster: RayCluster, tmp_path: Path
) -> None:
    upload(s3_server, bucket)
    one = next(iter(SMALL))
    requests = tmp_path / "requests.yaml"
    requests.write_text(
        f"stores: {{mine: {{s3: {{bucket: {bucket}}}}}}}\n"
        "requests:\n"
        f"  - {{uri: small/{one}, profile: mine, destination: {place}/file/{one}}}\n"
    )

    xfd("get", f"s3://{bucket}/small/**", f"{place}/pattern", "-q")
    chosen = xfd("get", requests, "--nodes", cluster.nodes[1].id[:16], "--json")

    assert on_nodes(cluster, place, "pattern") == [SMALL] * 3
    assert on_nodes(cluster, place, "file") == [None, {one: SMALL[one]}, None]
    assert [each["node"] for each in json.loads(chosen.stdout)["nodes"]] == [cluster.nodes[1].id]


def test_errors_end_with_the_codes_of_xfd_get(xfd: Xfd, bucket: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("requests:\n  - uri: s3://b/k\n    destin: d\n")

    missing = xfd("get", f"s3://{bucket}/nothing", "--json", code=3)
    wrong = xfd("get", broken, code=2)
    nowhere = xfd("get", f"s3://{bucket}/", "x", "--nodes", "no-such-host", code=3)

    assert json.loads(missing.stdout)["error"]["type"] == "ObjectNotFoundError"
    assert missing.stderr.splitlines()[-1].startswith("xfd: error: ")
    assert "line 3, requests[0].destin" in wrong.stderr
    assert "No live node is called no-such-host" in nowhere.stderr


def test_ctrl_c_ends_a_get_and_the_next_goes_on(
    s3_server: S3Server, bucket: str, place: str, cluster: RayCluster, xfd: Xfd
) -> None:
    s3_server.put(bucket, "big", b"".join(artifacts.random_bytes(96 * MIB, seed=4)))
    words = ("get", f"s3://{bucket}/big", f"{place}/big")
    slowly = command(cluster, *words, "--limit-rate", 8 * MIB)

    with subprocess.Popen(slowly, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:  # Until bytes move.
            if "MiB" in line:
                break
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
        code = running.wait(timeout=30)

    assert code == 130
    assert said.splitlines()[-1] == "xfd: interrupted; run it again to go on from here"
    xfd(*words, "-q")
    sizes = {(root / place / "big").stat().st_size for root in cluster.roots}
    assert sizes == {96 * MIB}


def test_doctor_finds_the_cluster_well_and_a_store_that_has_nothing(
    xfd: Xfd, s3_server: S3Server, bucket: str
) -> None:
    s3_server.put(bucket, "here", b"x")

    well = xfd("doctor", f"s3://{bucket}/here")
    ill = xfd("doctor", f"s3://{bucket}/not-here", "--json", code=1)

    rows = [line.split() for line in well.stdout.splitlines()]
    assert next(row[0] for row in rows if row[1:2] == ["ok"]) == "packages"
    assert {row[0] for row in rows} >= {"disk", "clock", "connections", "credentials", "store"}
    assert "2 other node(s) reached" in well.stdout
    assert "AWS_ACCESS_KEY_ID" in well.stdout
    assert "owner-secret" not in well.stdout
    findings = json.loads(ill.stdout)["findings"]
    assert {each["check"] for each in findings if each["state"] == "fail"} == {"store"}


def test_plan_says_what_a_get_does_and_changes_nothing(
    xfd: Xfd, s3_server: S3Server, bucket: str, place: str, cluster: RayCluster
) -> None:
    upload(s3_server, bucket)
    total = sum(map(len, SMALL.values()))
    words = (f"s3://{bucket}/small/", f"{place}/all")
    xfd("get", *words, "-q", "--nodes", cluster.nodes[0].id)
    sent = s3_server.sent_bytes(bucket)

    planned = json.loads(xfd("plan", *words, "--json", "--link-rate", "1M").stdout)

    assert (planned["catalog_bytes"], planned["origin_bytes"]) == (total, 0)
    assert planned["peer_bytes"] == 2 * total
    cached = {each["node"]: each["cached_bytes"] for each in planned["nodes"]}
    assert cached == {node.id: total * (node is cluster.nodes[0]) for node in cluster.nodes}
    assert planned["expected_s"] >= planned["bound_s"] > 0
    assert on_nodes(cluster, place, "all") == [SMALL, None, None]
    assert s3_server.sent_bytes(bucket) == sent
    report = json.loads(xfd("get", *words, "--json").stdout)
    assert (report["origin_bytes"], report["peer_bytes"]) == (0, 2 * total)


def test_status_shows_a_call_while_it_runs(
    s3_server: S3Server, bucket: str, place: str, cluster: RayCluster, xfd: Xfd
) -> None:
    s3_server.put(bucket, "big", b"".join(artifacts.random_bytes(64 * MIB, seed=9)))
    words = ("get", f"s3://{bucket}/big", f"{place}/big", "--limit-rate", 4 * MIB, "-q")

    with subprocess.Popen(command(cluster, *words)) as running:
        try:
            found: list[Any] = []
            while running.poll() is None and not found:
                status = json.loads(xfd("status", "--json").stdout)
                swarms = [each for some in status["coordinators"] for each in some["swarms"]]
                found = [lease for swarm in swarms for lease in swarm["leases"]]
            shown = xfd("status").stdout
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(timeout=30)

    assert found[0]["state"] in ("finding", "running")
    assert "1 call, 3 nodes" in shown
    assert all(node.id[:12] in shown for node in cluster.nodes)


def test_watching_ends_well_with_ctrl_c(cluster: RayCluster) -> None:
    words = command(cluster, "status", "--watch", 0.5, "--json")
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        documents = [json.loads(watching.stdout.readline()) for _ in range(2)]
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=30) == 0
    assert [each["ok"] for each in documents] == [True, True]


def test_verify_finds_a_byte_that_changed_on_one_node(
    xfd: Xfd, s3_server: S3Server, bucket: str, place: str, cluster: RayCluster
) -> None:
    upload(s3_server, bucket)
    words = (f"s3://{bucket}/small/", f"{place}/all")
    xfd("get", *words, "-q")
    name = next(key for key, body in SMALL.items() if body)
    spoiled = cluster.nodes[2].root / place / "all" / name
    spoiled.write_bytes(bytes(len(SMALL[name])))

    found = xfd("verify", *words, "--json", code=5)
    paths = xfd("verify", f"{place}/all", "--nodes", cluster.nodes[0].id)

    nodes = {each["node"]: each for each in json.loads(found.stdout)["nodes"]}
    assert [nodes[node.id]["ok"] for node in cluster.nodes] == [True, True, False]
    assert {wrong["path"] for wrong in nodes[cluster.nodes[2].id]["mismatches"]} == {str(spoiled)}
    assert "all as they should be" in paths.stdout
