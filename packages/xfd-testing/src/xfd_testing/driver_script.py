"""Distributes the object `big` of a bucket; started by `drivers.driver_process`, never imported.

Writes `started` when the first bytes have arrived, and at the end a line of JSON with the report.
With `--hold` the first line comes when everything has arrived; the lease is then held until SIGINT.
"""

import argparse
import json
import logging
import time
from contextlib import suppress
from pathlib import Path

import ray

import xfd_ray
from xfd_api import DownloadRequest, ObjectDownloadRequest, ObjectStoreConfig
from xfd_api.progress import Progress


def main() -> None:
    """Runs the one call that the command line describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("bucket")
    parser.add_argument("name")
    parser.add_argument("--endpoint")
    parser.add_argument("--durability", default="object")
    parser.add_argument("--chunk-size", type=int)
    parser.add_argument("--parallel", type=int)
    parser.add_argument("--hold", action="store_true")
    options = parser.parse_args()
    ray.init(address=options.address, log_to_driver=False, logging_level=logging.ERROR)
    requests = [DownloadRequest(ObjectDownloadRequest("big", Path(options.bucket, options.name)))]
    store = ObjectStoreConfig.make_for_s3(options.bucket, endpoint=options.endpoint)
    if options.hold:
        hold(requests, store)
        return
    has_started = False

    def on_progress(progress: Progress) -> None:
        nonlocal has_started
        if progress.done_bytes and not has_started:
            has_started = True
            print("started", flush=True)

    report = xfd_ray.download_distributed(
        requests,
        store,
        on_progress=on_progress,
        durability=options.durability,
        chunk_size_bytes=options.chunk_size,
        node_parallelism=options.parallel,
        keep_s=0,
    )
    fields = ("origin_bytes", "peer_bytes", "cached_bytes", "uncounted_s")
    figures = {field: getattr(report, field) for field in fields}
    print(json.dumps({"states": [node.state for node in report.nodes], **figures}), flush=True)


def hold(requests: list[DownloadRequest], store: ObjectStoreConfig) -> None:
    """Holds the lease until SIGINT, or for ten minutes."""
    with xfd_ray.distribution(requests, store, keep_s=1.0):
        print("started", flush=True)
        with suppress(KeyboardInterrupt):
            time.sleep(600)


if __name__ == "__main__":
    main()
