"""Distributes one set by xfd and prints what it took. Runs on a host of the bed."""

import json
import sys
import time
from pathlib import Path

import ray

import xfd_ray
from xfd_api import (
    DownloadRequest,
    ObjectDownloadRequest,
    ObjectStoreConfig,
    PrefixDownloadRequest,
    UnpackOptions,
)


def requests(name: str, folder: str, files: int, *, unpack: bool) -> list[DownloadRequest]:
    """One object by its key, several by their prefix."""
    if files > 1:
        prefix = PrefixDownloadRequest(uri=f"{name}/", destination=Path("/data") / folder)
        return [DownloadRequest(value=prefix)]
    options = None
    key = f"{name}/00000"
    if unpack:
        tree = Path("/data") / f"{folder}-tree"
        options = UnpackOptions(destination=tree, unpack_method="tar.gz")  # type: ignore[arg-type]
    single = ObjectDownloadRequest(
        uri=key, destination=Path("/data") / folder / "00000", unpack_options=options
    )
    return [DownloadRequest(value=single)]


def main() -> None:
    """Arguments: bucket, set, folder, number of files, unpack 0/1, warm-up set or nothing."""
    bucket, name, folder, files, unpack, warm_set = sys.argv[1:7]
    store = ObjectStoreConfig.make_for_s3(bucket)
    ray.init(address="auto", log_to_driver=False)
    if warm_set:
        warm = requests(warm_set, f"{folder}-warm", 1, unpack=False)
        xfd_ray.download_distributed(warm, store, keep_s=20)
    wanted = requests(name, folder, int(files), unpack=unpack == "1")
    called_at, started = time.time(), time.perf_counter()
    report = xfd_ray.download_distributed(wanted, store, keep_s=0.5)
    told = {
        "elapsed_s": time.perf_counter() - started,
        "called_at": called_at,
        "returned_at": time.time(),
        "origin_bytes": report.origin_bytes,
        "nodes": {node.node[:6]: round(node.elapsed_s, 3) for node in report.nodes},
    }
    print(json.dumps(told))


main()
