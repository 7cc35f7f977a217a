"""What the nodes of a real cluster keep: `xfd cache` lists, pins and removes it on all of them.

Files that somebody removes by hand are fetched again.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, PrefixDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_ray import distribution, download_distributed
from xfd_ray.cli import main
from xfd_testing import figures
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server

MIB = 2**20


def xfd(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["cache", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_what_nodes_keep_is_listed_pinned_and_removed(
    driver: RayCluster, s3_server: S3Server, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    body = bytes(range(256)) * 4 * 1024
    s3_server.put(bucket, "big", body)
    for name in ("a", "b"):
        s3_server.put(bucket, f"p/{name}", b"small " + name.encode())
    store = ObjectStoreConfig.make_for_s3(bucket)
    wanted = [
        DownloadRequest(ObjectDownloadRequest("big", Path("cache-test/big"))),
        DownloadRequest(PrefixDownloadRequest("p", Path("cache-test/p"))),
    ]
    with distribution(wanted, store, deadline_s=60):
        code, found = xfd(capsys, "rm", "cache-test/big", "--cluster")
        assert code == 6
        assert {each["kept"][0]["why"] for each in found["nodes"]} == {"a run uses it"}

    code, found = xfd(capsys, "ls", "cache-test", "--cluster")
    assert code == 0
    assert [each["node"] for each in found["nodes"]] == sorted(node.id for node in driver.nodes)
    for each in found["nodes"]:
        kept = {entry["kind"]: entry["bytes"] for entry in each["entries"]}
        assert kept == {"file": MIB, "prefix": 14}

    second = DownloadRequest(ObjectDownloadRequest("big", Path("cache-test/again")))
    report = download_distributed(second, store, deadline_s=60)
    assert (report.origin_bytes, report.peer_bytes) == (0, 0)
    assert all((node.root / "cache-test/again").read_bytes() == body for node in driver.nodes)

    one = driver.nodes[1]
    assert xfd(capsys, "pin", "cache-test/big", "--nodes", one.id)[0] == 0
    code, found = xfd(capsys, "rm", "cache-test", "--cluster")
    assert code == 6
    assert [node.root for node in driver.nodes if (node.root / "cache-test/big").exists()] == [
        one.root
    ]
    kept_by = {each["node"]: [kept["why"] for kept in each["kept"]] for each in found["nodes"]}
    assert kept_by.pop(one.id) == ["it is pinned"]
    assert set(map(len, kept_by.values())) == {0}
    assert main(["cache", "ls", "cache-test", "--nodes", one.id]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.endswith(":")
    assert lines[0].endswith(f"{one.root}/cache-test/big  from s3://{bucket}/big  (pinned)")
    xfd(capsys, "unpin", "cache-test/big", "--nodes", one.id)
    assert xfd(capsys, "rm", "cache-test", "--cluster")[0] == 0
    assert not (one.root / "cache-test").exists()
    assert xfd(capsys, "rm", "cache-test", "--cluster")[0] == 3


@pytest.mark.parametrize("places", [(0, 1, 2), (1,)])
def test_files_that_somebody_removes_during_a_run_are_there_for_the_next_driver(
    driver: RayCluster, s3_server: S3Server, bucket: str, places: tuple[int, ...]
) -> None:
    body = bytes(range(256)) * 4 * 1024
    s3_server.put(bucket, "big", body)
    for name in ("a", "b"):
        s3_server.put(bucket, f"p/{name}", b"small " + name.encode())
    wanted = [
        DownloadRequest(ObjectDownloadRequest("big", Path(bucket, "big"))),
        DownloadRequest(PrefixDownloadRequest("p", Path(bucket, "p"))),
    ]
    store = ObjectStoreConfig.make_for_s3(bucket)
    with distribution(wanted, store, deadline_s=60):
        for place in places:
            shutil.rmtree(driver.roots[place] / bucket)
        report = download_distributed(wanted, store, deadline_s=60)
    assert report.origin_bytes + report.peer_bytes == len(places) * (MIB + 14)
    assert report.origin_bytes == (MIB + 14 if len(places) == 3 else 0)
    for root in driver.roots:
        assert (root / bucket / "big").read_bytes() == body
        assert {path.name for path in (root / bucket / "p").iterdir()} == {"a", "b"}
    of_all = f"{len(places)} of {len(driver.roots)} nodes lost them"
    sent = report.origin_bytes / (MIB + 14)
    figures.record("files-removed", f"{of_all}; the store sent {sent:.3f} times the bytes again")
