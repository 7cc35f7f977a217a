"""Distributes one set on a bed; started on a host by `FaultyRun`, never imported.

Argument: a JSON object with `bucket`, `name`, `folder`, `warm` (another set, for which the workers
are started beforehand) and `options` of the call. Prints a line of JSON for each progress, and at
the end one with the report or the error. Waits for a line of its standard input before the call.
"""

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import ray

import xfd_ray
from xfd_api import DownloadRequest, ObjectDownloadRequest, ObjectStoreConfig
from xfd_api.errors import XfdError
from xfd_api.progress import Progress

KEEP_S = 120.0


def main() -> None:
    """Runs the one call that the argument describes."""
    plan: dict[str, Any] = json.loads(sys.argv[1])
    ray.init(address="auto", log_to_driver=False, logging_level=logging.ERROR)
    store = ObjectStoreConfig.make_for_s3(plan["bucket"])
    xfd_ray.download_distributed(request(plan["warm"], plan["folder"]), store, keep_s=KEEP_S)
    say(ready=True)
    sys.stdin.readline()
    began = time.monotonic()

    def on_progress(progress: Progress) -> None:
        say(at=time.monotonic() - began, done=progress.done_bytes / max(1, progress.total_bytes))

    try:
        report = xfd_ray.download_distributed(
            request(plan["name"], plan["folder"]),
            store,
            on_progress=on_progress,
            progress="lines",
            keep_s=0,
            **plan["options"],
        )
    except XfdError as error:
        say(error=f"{type(error).__name__}: {error}", seconds=time.monotonic() - began)
    else:
        addresses = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes()}
        say(report=report.to_dict(), addresses=addresses, seconds=time.monotonic() - began)


def request(name: str, folder: str) -> list[DownloadRequest]:
    """The one object of a set, in `/data/<folder>-<name>`."""
    place = Path("/data") / f"{folder}-{name}" / "00000"
    return [DownloadRequest(ObjectDownloadRequest(f"{name}/00000", place))]


def say(**what: object) -> None:
    """A line on the standard output."""
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
