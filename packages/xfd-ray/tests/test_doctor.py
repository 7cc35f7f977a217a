"""What `xfd doctor` makes of the facts; the facts of this host; connections on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from xfd_api.errors import (
    AccessDeniedError,
    ClusterConnectionError,
    NodeLostError,
    PeerPortError,
    VersionMismatchError,
)
from xfd_api.ids import NodeId
from xfd_api.stores import StoreKind
from xfd_ray.cli.doctor import judge
from xfd_ray.cli.doctor.connections import Listener, partners
from xfd_ray.cli.doctor.credentials import IDENTITY, credentials_of
from xfd_ray.cli.doctor.finding import Finding, State, document, rows, summary
from xfd_ray.cli.doctor.node_facts import DiskFacts, NodeFacts, disk_facts, packages_there
from xfd_ray.cli.doctor.store_reach import Reached
from xfd_ray.coordinator_status import CoordinatorStatus, NodeStatus
from xfd_testing.processes import free_ports

GIB = 2**30
A, B = NodeId("a" * 56), NodeId("b" * 56)
NAMES = {A: "gpu-1", B: "gpu-2"}
DISK = DiskFacts("/data", 50 * GIB, 100 * GIB, "xfs", has_reflinks=True, sync_s=0.01)
VERSIONS = dict.fromkeys(judge.XFD, "0.1.0") | {
    "ray": "2.60.0",
    "python": "3.11.7",
    "machine": "x86_64",
}


@pytest.mark.parametrize(
    ("disk", "state", "says"),
    [
        (DISK, "ok", "50.0 GiB of 100.0 GiB free, xfs, reflinks: /data"),
        (replace(DISK, has_reflinks=False), "ok", "no reflinks"),
        (replace(DISK, free_bytes=GIB), "warn", "1.0 GiB of 100.0 GiB free"),
        (replace(DISK, kind="tmpfs"), "warn", "tmpfs"),
        (replace(DISK, sync_s=2.0), "warn", "a MiB takes 2.0 s to sync"),
        (DiskFacts("/data", problem="Read-only file system"), "fail", "/data: Read-only"),
    ],
    ids=["well", "no reflinks", "nearly full", "in memory", "slow", "cannot write"],
)
def test_a_disk_is_judged(disk: DiskFacts, state: State, says: str) -> None:
    cache = replace(DISK, device=2)
    (finding, _) = judge.judge_disks({A: NodeFacts(disk, cache, {})})
    assert (finding.check, finding.state) == ("disk", state)
    assert says in finding.what
    assert bool(finding.remedy) == (state != "ok")


def test_a_hub_cache_on_the_same_disk_is_not_described_again() -> None:
    (_, cache) = judge.judge_disks({A: NodeFacts(DISK, DISK, {})})
    assert (cache.check, cache.state, cache.what) == ("hub cache", "ok", "on the same disk")


@pytest.mark.parametrize(
    ("versions", "says"),
    [
        ({"xfd-dataplane": ""}, "xfd-dataplane is missing instead of 0.1.0"),
        ({"ray": "2.40.0"}, "ray is 2.40.0 instead of 2.60.0"),
        ({"xfd-api": "0.2.0", "xfd-ray": ""}, "xfd-api is 0.2.0 instead of 0.1.0; xfd-ray is"),
    ],
)
def test_other_packages_fail(versions: dict[str, str], says: str) -> None:
    (well, wrong) = judge.judge_packages({A: VERSIONS, B: {**VERSIONS, **versions}}, VERSIONS)
    assert (well.state, well.what) == ("ok", "xfd 0.1.0, ray 2.60.0, Python 3.11.7, x86_64")
    assert (wrong.node, wrong.state) == (B, "fail")
    assert says in wrong.what


@pytest.mark.parametrize(
    ("there", "state", "says"),
    [
        (100.0, "ok", "less than 2 s off"),
        (104.9, "ok", "less than 2 s off"),  # It may have been read at the end.
        (110.0, "warn", "5.0 s off"),
        (1000.0, "fail", "895 s off"),
        (40.0, "warn", "60.0 s off"),
        (NodeLostError("gone"), "fail", "gone"),
    ],
)
def test_clocks_are_compared(there: float, state: State, says: str) -> None:
    (finding,) = judge.judge_clocks({A: there}, asked_at=100.0, answered_at=105.0)
    assert finding.state == state
    assert says in finding.what


def test_a_coordinator_is_asked_what_it_knows() -> None:
    lost = NodeStatus(A, "gpu-1", "lost", error=NodeLostError("Its worker is gone"))
    well = CoordinatorStatus({}, 90.0, (), (lost,))
    up, node = judge.judge_coordinators([well])
    assert (up.state, up.what) == ("ok", "up 1 min 30 s, with 0 call(s)")
    assert (node.node, node.state, node.what) == (A, "warn", "lost: Its worker is gone")
    (none,) = judge.judge_coordinators([])
    assert (none.node, none.state) == (None, "ok")
    (other,) = judge.judge_coordinators(VersionMismatchError("another version"))
    assert (other.state, other.what) == ("fail", "another version")


def test_a_node_that_cannot_be_reached_is_named() -> None:
    tried = {A: {B: "10.0.0.2:7000: timed out"}, B: {A: 0.004}}
    (wrong, well) = judge.judge_connections(tried, NAMES)
    assert wrong.state == "fail"
    assert wrong.what == "1 of 1 others cannot be reached: gpu-2: 10.0.0.2:7000: timed out"
    assert (well.state, well.what) == ("ok", "1 other node(s) reached, each within 10 ms")


def test_credentials_that_differ_are_worth_a_look() -> None:
    def facts(source: str | None) -> NodeFacts:
        return NodeFacts(DISK, DISK, dict.fromkeys(StoreKind, source))

    same = judge.judge_credentials({A: facts("HF_TOKEN"), B: facts("HF_TOKEN")}, {StoreKind.HUB})
    assert [(each.state, each.what) for each in same] == [("ok", "Hugging Face: HF_TOKEN")] * 2
    other = judge.judge_credentials({A: facts("HF_TOKEN"), B: facts(None)}, {StoreKind.HUB})
    assert [each.state for each in other] == ["warn", "warn"]
    none = judge.judge_credentials({A: facts(None)}, {StoreKind.HUB})
    assert none[0].state == "warn"
    assert "--env" in none[0].remedy


def test_a_store_that_refuses_one_node_fails_there() -> None:
    refused = AccessDeniedError("The store refuses", object="s3://b/k")
    found = judge.judge_stores({A: [Reached(2, 0.05)], B: [refused]}, ["s3://b/k"])
    assert [each.state for each in found] == ["ok", "fail"]
    assert found[0].what == "s3://b/k: 2 object(s), within 100 ms"
    assert found[1].what == "The store refuses (s3://b/k)"


def test_nodes_of_which_the_same_is_so_share_a_row() -> None:
    found = [
        Finding("clock", A, "ok", "well"),
        Finding("clock", B, "ok", "well"),
        Finding("disk", A, "ok", "much room"),
        Finding("disk", B, "fail", "no room", "Free some"),
    ]
    assert rows(found, NAMES) == [
        ("clock", "ok", "all 2", "well"),
        ("disk", "fail", "gpu-2", "no room. Free some"),
        ("disk", "ok", "gpu-1", "much room"),
    ]
    assert summary(found) == "4 checks: 1 failed, 0 to look at"
    assert document(found, NAMES)["ok"] is False


def test_a_large_cluster_fits_on_a_page() -> None:
    nodes = [NodeId(f"{place:056x}") for place in range(1000)]
    names = {node: f"host-{place}" for place, node in enumerate(nodes)}
    found = [Finding("disk", node, "ok", f"room {node}") for node in nodes]
    found += [Finding("clock", node, "warn", "off") for node in nodes[:10]]
    shown = rows(found, names)
    assert len(shown) == 6
    assert shown[4] == ("disk", "ok", "996 more", "likewise")
    assert shown[5][2] == "host-0, host-1, host-2 and 7 more"


@pytest.mark.parametrize(
    ("environ", "files", "kind", "expected"),
    [
        (
            {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"},
            {},
            StoreKind.S3,
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        ({"AWS_ACCESS_KEY_ID": "id"}, {}, StoreKind.S3, IDENTITY),
        ({}, {".aws/credentials": "[default]"}, StoreKind.S3, "profile default in"),
        ({"AWS_PROFILE": "m"}, {".aws/config": "[profile m]"}, StoreKind.S3, "profile m in"),
        ({"AWS_PROFILE": "m"}, {".aws/config": "[profile n]"}, StoreKind.S3, IDENTITY),
        ({"AWS_EC2_METADATA_DISABLED": "true"}, {}, StoreKind.S3, None),
        ({}, {".azure/azureProfile.json": "{}"}, StoreKind.AZURE, "az login"),
        ({"AZURE_STORAGE_SAS_TOKEN": "s"}, {}, StoreKind.AZURE, "AZURE_STORAGE_SAS_TOKEN"),
        ({}, {}, StoreKind.GCS, IDENTITY),
        ({"HF_TOKEN": "t"}, {}, StoreKind.HUB, "HF_TOKEN"),
        ({}, {".cache/huggingface/token": "t"}, StoreKind.HUB, "huggingface/token"),
        ({}, {}, StoreKind.HUB, None),
    ],
)
def test_a_chain_says_where_credentials_come_from(
    tmp_path: Path,
    environ: dict[str, str],
    files: dict[str, str],
    kind: StoreKind,
    expected: str | None,
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = credentials_of(environ, tmp_path)[kind]
    assert (found is None) if expected is None else (expected in str(found))
    assert "secret" not in str(credentials_of(environ, tmp_path).values()).lower().replace(
        "aws_secret", ""
    )


def test_a_disk_is_looked_at_and_left_as_it_was(tmp_path: Path) -> None:
    facts = disk_facts(tmp_path / "not" / "there")
    assert facts.problem == ""
    assert 0 < facts.free_bytes <= facts.size_bytes
    assert facts.kind
    assert facts.sync_s > 0
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert disk_facts(tmp_path / "file" / "below").problem == "Not a directory"


def test_packages_are_found_without_this_module() -> None:
    """As on a node without xfd: the function travels by value."""
    from ray import cloudpickle

    program = (
        "import pickle, sys; sys.modules.update(xfd_api=None, xfd_ray=None);"
        "print(pickle.load(sys.stdin.buffer)()['ray'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=cloudpickle.dumps(packages_there()),
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().strip() == packages_there()()["ray"]


def test_listeners_greet_each_other_and_find_strangers_out() -> None:
    first, second = Listener(), Listener()
    there = second.listen("127.0.0.1", None)
    (seconds,) = first.connect({B: there}).values()
    assert isinstance(seconds, float)
    host, port, greeting = there
    wrong = first.connect({B: (host, port, bytes(len(greeting)))})[B]
    assert "another program or node answers" in str(wrong)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = closed.getsockname()[1]
    assert "Connection refused" in str(first.connect({B: (host, dead, greeting)})[B])
    with pytest.raises(PeerPortError, match="cannot listen"):
        first.listen(host, (port, port))


def test_large_clusters_are_tried_in_part() -> None:
    nodes = [NodeId(f"{place:04}") for place in range(1000)]
    tried = partners(nodes)
    assert {len(others) for others in tried.values()} == {10}
    reached = [other for others in tried.values() for other in others]
    assert {reached.count(node) for node in nodes[:5]} == {10}
    assert all(node not in others for node, others in tried.items())
    assert partners(nodes[:1]) == {nodes[0]: []}


def test_an_address_without_a_cluster_is_refused_at_once() -> None:
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "xfd_ray", "doctor", "--address", f"127.0.0.1:{port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ)
    assert done.returncode == 7
    assert f"Nobody listens at 127.0.0.1:{port}" in done.stderr
    assert ClusterConnectionError.__name__ not in done.stderr
