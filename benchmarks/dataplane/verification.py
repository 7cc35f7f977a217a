"""Row: what the checksums cost. They cannot be turned off, so they are measured by themselves."""

from __future__ import annotations

import resource
import statistics

from benchmarks.dataplane.bed import BUCKET, Bed
from benchmarks.dataplane.clients import xfd
from benchmarks.dataplane.table import GIB, Goal, Section
from xfd_dataplane._native import checksums

PASSES = 4


def verification(bed: Bed) -> Section:
    """User time of the same checksum over the same bytes, read again, against a whole download.

    Reading the file again is system time and left out, so what is left is the checksum, and the
    little that the loop around it takes.
    """
    key = bed.random_object(1)
    file = bed.folder / "verified"
    bed.client.download_file(BUCKET, key, str(file))
    checks = [_user_s(str(file)) for _ in range(bed.rounds + 1)][1:]
    file.unlink()
    whole = bed.compare({"xfd-get": bed.fetching(xfd("--durability", "none"), key)})["xfd-get"]
    check = statistics.median(checks)
    cpu = statistics.median(cost.cpu_s for cost in whole)
    return Section(
        "Cost of verification, 1 GiB",
        [
            f"CRC-64/NVME: {check:.3f} s of user time "
            f"({min(checks):.3f} - {max(checks):.3f}); the whole download: {cpu:.2f} s"
        ],
        [Goal("verification", 5, 100 * check / cpu, "% of CPU")],
    )


def _user_s(path: str) -> float:
    """Seconds for 1 GiB: the mean of several passes, as one takes a few clock ticks."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    for _ in range(PASSES):
        checksums(path, [GIB], [])
    return (resource.getrusage(resource.RUSAGE_SELF).ru_utime - before) / PASSES
