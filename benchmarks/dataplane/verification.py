"""Row: the cost of checksums. They cannot be turned off, so their share is estimated."""

from __future__ import annotations

import re
import resource
import shutil
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.dataplane.bed import BUCKET, Bed
from benchmarks.dataplane.clients import xfd
from benchmarks.dataplane.table import GIB, MIB, Goal, Section
from xfd_dataplane._native import checksums

PASSES = 4
CHUNK = 4 * MIB
SAMPLES_PER_S = 1999
# "     5.13%  [.] crc_fast::combine::checksums   -      -"
_SAMPLED = re.compile(r"^\s*([\d.]+)%\s+\[[.k]\]\s+(\S.*?)(?:\s+-\s+-)?\s*$")


def verification(bed: Bed) -> Section:
    """The user time of the checksum over the same chunks, compared with the CPU of a download.

    Reading is system time and left out, as is combining: the 256 checksums of 1 GiB take some
    microseconds. If perf is installed and the extension has symbols, the share of the download's
    samples is measured as well, and the greater figure counts.
    """
    key = bed.random_object(1)
    section = Section("Cost of verification, 1 GiB")
    client = xfd("--durability", "none")
    cpu_s = statistics.median(
        cost.cpu_s for cost in bed.compare({"xfd-get": bed.fetching(client, key)})["xfd-get"]
    )
    checks = _checksum_s(bed, key)
    reached = 100 * statistics.median(checks) / cpu_s
    section.lines.append(
        f"CRC-64/NVME alone: {statistics.median(checks):.3f} s of user time "
        f"({min(checks):.3f} - {max(checks):.3f}); the whole download: {cpu_s:.2f} s; "
        f"that is {reached:.1f} %"
    )
    shares = [_sampled(bed, key) for _ in range(bed.rounds)] if shutil.which("perf") else []
    known = [share for share in shares if share is not None]
    if known:
        sampled = statistics.median(known)
        spread = f"{min(known):.1f} - {max(known):.1f}"
        section.lines.append(f"Sampled, combining included: {sampled:.1f} % ({spread})")
        reached = max(reached, sampled)
    else:
        section.lines.append("Not sampled: that needs perf, and an extension with symbols in it")
    section.goals.append(Goal("verification", 5, reached, "% of CPU"))
    return section


def _checksum_s(bed: Bed, key: str) -> list[float]:
    file = bed.folder / "verified"
    bed.client.download_file(BUCKET, key, str(file))
    times = [_user_s(str(file)) for _ in range(bed.rounds)]
    file.unlink()
    return times


def _user_s(path: str) -> float:
    """Seconds for 1 GiB: the mean of several passes, as one takes a few clock ticks."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    for _ in range(PASSES):
        checksums(path, [CHUNK] * (GIB // CHUNK), [])
    return (resource.getrusage(resource.RUSAGE_SELF).ru_utime - before) / PASSES


def _sampled(bed: Bed, key: str) -> float | None:
    home = bed.folder / "sampled"
    home.mkdir()
    command = xfd("--durability", "none")(bed.target(key), home / "file")
    share = _share(command, home / "samples")
    shutil.rmtree(home)
    return share


def _share(command: Sequence[str], samples: Path) -> float | None:
    record = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(SAMPLES_PER_S)]
    subprocess.run([*record, "-o", str(samples), "--", *command], check=True)
    report = ["perf", "report", "-i", str(samples), "--stdio", "--sort", "symbol"]
    printed = subprocess.run(report, capture_output=True, text=True, check=True)
    return checksum_share(printed.stdout.splitlines())


def checksum_share(lines: Iterable[str]) -> float | None:
    """Per cent of the samples in a report of perf; None if the extension has no symbols."""
    sampled = [found for line in lines if (found := _SAMPLED.match(line))]
    if not any("xfd_dataplane_core" in found[2] for found in sampled):
        return None
    return sum(float(found[1]) for found in sampled if "crc_fast" in found[2])
