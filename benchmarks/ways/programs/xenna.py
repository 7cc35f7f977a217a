"""`xenna.prefetch` of a pipeline for cosmos-xenna, with its notes of what is cached."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

from benchmarks.ways.program import Files
from xfd_pipelines import xenna

FOLDER = Path("/tmp/xfd-ways-xenna")  # cosmos-xenna takes absolute destinations only.


def seconds(files: Files, with_xfd: bool) -> float:
    """From the call to its result; one object and a prefix of 50."""
    wanted = (
        SimpleNamespace(uri=files.path, destination=FOLDER / "weights", unpack_options=None),
        SimpleNamespace(uri=files.requests[0], destination=FOLDER / "model"),
    )
    stage = SimpleNamespace(download_requests=list(wanted))
    began = time.perf_counter()
    if with_xfd:
        xenna.prefetch([stage], SimpleNamespace(object_store_config=files.store))
    return time.perf_counter() - began
