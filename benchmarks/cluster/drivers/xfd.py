"""Distributes one set by xfd and prints what it took. Runs on a host of the bed."""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ray

from xfd_api import (
    DistributionReport,
    DownloadRequest,
    ObjectDownloadRequest,
    ObjectStoreConfig,
    PrefixDownloadRequest,
    UnpackOptions,
)
from xfd_ray import distribution, download_distributed

KEEP_S = 60.0
"""For calls that only prepare, so that their workers are there when the clock starts."""

LAST_KEEP_S = 0.5


def requests(name: str, folder: str, plan: dict[str, Any]) -> list[DownloadRequest]:
    """One object by its key, some by their keys, all by their prefix."""
    target = Path("/data") / folder
    if plan["keys"] is None and plan["files"] > 1:
        value = PrefixDownloadRequest(uri=f"{name}/", destination=target)
        return [DownloadRequest(value=value)]
    options = None
    if plan["unpack"]:
        tree = Path("/data") / f"{folder}-tree"
        options = UnpackOptions(destination=tree, unpack_method="tar.gz")  # type: ignore[arg-type]
    return [
        DownloadRequest(
            value=ObjectDownloadRequest(
                uri=f"{name}/{key:05}", destination=target / f"{key:05}", unpack_options=options
            )
        )
        for key in plan["keys"] or [0]
    ]


def wait_for_the_end() -> None:
    """Waits until there is no coordinator."""
    while True:
        try:
            ray.get_actor("coordinator", namespace="xfd")
        except ValueError:
            return
        time.sleep(0.1)


def begin_late(
    wanted: list[DownloadRequest], store: ObjectStoreConfig, plan: dict[str, Any]
) -> DistributionReport:
    """This host wants the files at once, all others some seconds later; the report of these."""
    options = {"keep_s": LAST_KEEP_S, **plan["options"]}
    here = ray.get_runtime_context().get_node_id()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(download_distributed, wanted, store, nodes=[here], **options)
        time.sleep(plan["late_s"])
        report = download_distributed(wanted, store, **options)
        first.result()
    return report


def main() -> None:
    """Argument: the plan, see `contenders`."""
    plan = json.loads(sys.argv[1])
    store = ObjectStoreConfig.make_for_s3(plan["bucket"])
    ray.init(address="auto", log_to_driver=False)
    wanted = requests(plan["name"], plan["folder"], plan)
    options = plan["options"]
    if plan["cached"]:
        download_distributed(wanted, store, keep_s=0, **options)
        wait_for_the_end()
    if plan["warm_set"]:
        one = {**plan, "files": 1, "keys": None, "unpack": False}
        warm = requests(plan["warm_set"], f"{plan['folder']}-warm-{os.getpid()}", one)
        download_distributed(warm, store, keep_s=KEEP_S, **options)
    if plan["in_step"]:
        print("ready", flush=True)
        sys.stdin.readline()
    if plan["idle_s"]:
        with distribution(wanted, store, keep_s=LAST_KEEP_S, **options):
            time.sleep(2)
            called_at, used = time.time(), time.process_time()
            time.sleep(plan["idle_s"])
            measured: dict[str, Any] = {
                "cpu_s": time.process_time() - used,
                "returned_at": time.time(),
            }
    else:
        called_at, used = time.time(), time.process_time()
        if plan["late_s"]:
            report = begin_late(wanted, store, plan)
        else:
            report = download_distributed(wanted, store, keep_s=LAST_KEEP_S, **options)
        measured = {
            "cpu_s": time.process_time() - used,
            "returned_at": time.time(),
            "reported_s": report.elapsed_s,
            "origin_bytes": report.origin_bytes,
            "nodes": {node.node: node.elapsed_s for node in report.nodes},
        }
    hosts = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes()}
    print(json.dumps({"called_at": called_at, "hosts": hosts, **measured}))


main()
