"""Row: what it costs to name an object's checksum, and how soon after its last chunk it lands."""

from __future__ import annotations

import hashlib
import shutil
import statistics
import time
from dataclasses import replace

from benchmarks.dataplane.bed import BUCKET, Bed
from benchmarks.dataplane.clients import xfd
from benchmarks.dataplane.table import GIB, Section, cost_table
from xfd_api.catalog import build_catalog
from xfd_api.lookups import plan_downloads
from xfd_api.reports import ChunkHeld, NodeEvent, ObjectLanded
from xfd_api.requests import ObjectDownloadRequest
from xfd_api.settings import Durability, NodeSettings
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane.cancellation import CallLimits
from xfd_dataplane.downloading import fetch, open_node

PINS = ("", "sha256", "md5")


def pins(bed: Bed) -> Section:
    """One object of 1 GiB, without a pin and with one of each kind."""
    key = bed.random_object(1)
    sums = _sums(bed, key)
    contenders = {
        f"xfd-get --{pin}".rstrip(" -"): bed.fetching(
            xfd("--durability", "none", *([f"--{pin}", sums[pin]] if pin else [])), key
        )
        for pin in PINS
    }
    costs = bed.compare(contenders, warm=True)
    section = Section("A checksum in the request, 1 GiB", list(cost_table(costs, 1, "xfd-get")))
    lags: dict[str, list[float]] = {pin: [] for pin in PINS}
    for _ in range(bed.rounds):
        for pin in PINS:
            lags[pin].append(_lag_s(bed, key, {pin: sums[pin]} if pin else {}))
    for pin, measured in lags.items():
        section.lines.append(
            f"{pin or 'no pin'}: lands {1000 * statistics.median(measured):.0f} ms after its last "
            f"chunk ({1000 * min(measured):.0f} - {1000 * max(measured):.0f})"
        )
    return section


def _sums(bed: Bed, key: str) -> dict[str, str]:
    file = bed.folder / "summed"
    bed.client.download_file(BUCKET, key, str(file))
    sums = {}
    for pin in filter(None, PINS):
        with file.open("rb") as content:
            sums[pin] = hashlib.file_digest(content, pin).hexdigest()
    file.unlink()
    return sums


def _lag_s(bed: Bed, key: str, pin: dict[str, str]) -> float:
    """Seconds from the event of the last chunk to that of the object."""
    home = bed.folder / "lagging"
    store = ObjectStoreConfig.make_for_s3(BUCKET, bed.endpoint)
    request = ObjectDownloadRequest(key, home / "file", **pin)  # type: ignore[arg-type]
    plan = plan_downloads([request], store)
    times: dict[type[NodeEvent], float] = {}

    def note(event: NodeEvent) -> None:
        times[type(event)] = time.perf_counter()

    settings = replace(NodeSettings(), root=str(home))
    with open_node(settings) as node:
        found = node.find_objects(plan.lookups, plan.stores)
        fetch(
            node,
            build_catalog(plan.lookups, found),
            plan.stores,
            settings=settings,
            durability=Durability.NONE,
            limits=CallLimits(None, None),
            on_event=note,
        )
    if (home / "file").stat().st_size != GIB:
        raise RuntimeError("The object did not land")
    shutil.rmtree(home)
    return times[ObjectLanded] - times[ChunkHeld]
