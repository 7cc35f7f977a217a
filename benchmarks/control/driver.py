"""A driver that distributes one set a few times, and prints what each call used as JSON.

`benchmarks.control` starts it. Its first call starts the workers, and is not printed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from pathlib import Path

import ray

from benchmarks.control import processes
from xfd_api import DownloadRequest, ObjectStoreConfig, PrefixDownloadRequest
from xfd_ray import download_distributed

KEEP_S = 120.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bucket")
    parser.add_argument("root", type=int, help="the process that has started all others")
    parser.add_argument("--calls", type=int, default=3)
    parser.add_argument("--roots", nargs="+", type=Path, help="of the nodes, to be emptied")
    parser.add_argument("--options", type=json.loads, default={})
    options = parser.parse_args()
    ray.init(address=os.environ["RAY_ADDRESS"], log_to_driver=False, logging_level="ERROR")
    store = ObjectStoreConfig.make_for_s3(options.bucket)
    call_options = {"durability": "none", "keep_s": KEEP_S, **options.options}
    warm = DownloadRequest(value=PrefixDownloadRequest(uri="warm/", destination=Path("warm")))
    download_distributed([warm], store, **call_options)
    for place in range(options.calls):
        folder = Path(f"set-{place}")
        wanted = DownloadRequest(value=PrefixDownloadRequest(uri="set/", destination=folder))
        before, own, began = processes.snapshot(options.root), time.process_time(), time.time()
        report = download_distributed([wanted], store, **call_options)
        wall_s, own_s = time.time() - began, time.process_time() - own
        after = processes.snapshot(options.root)
        moved = None if report.timeline is None else report.timeline.transfers.total
        for each in (before, after):  # This process counts as the driver alone.
            each.pop(os.getpid(), None)
        print(
            json.dumps(
                {
                    "wall_s": wall_s,
                    "driver_s": own_s,
                    "used": processes.used(before, after),
                    "chunks": moved,
                    "bytes": sum(node.origin_bytes + node.peer_bytes for node in report.nodes),
                    "worker_peak": processes.peak_bytes(after, processes.WORKERS),
                    "coordinator_peak": processes.peak_bytes(after, processes.COORDINATOR),
                    "driver_peak": processes.use_of(os.getpid()).peak_bytes,
                }
            ),
            flush=True,
        )
        for root in options.roots:
            shutil.rmtree(root / folder, ignore_errors=True)
    ray.shutdown()


if __name__ == "__main__":
    main()
