"""Row: bytes written to files for each byte delivered, as the kernel counts them (wchar)."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.dataplane.bed import Bed
from benchmarks.dataplane.clients import xfd
from benchmarks.dataplane.downloads import SMALL_BYTES, SMALL_FILES
from benchmarks.dataplane.table import GIB, Goal, Section

# 123 writev(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, [{iov_base=""..., iov_len=700}], 1) = 700
# 123 write(4<socket:[77]>, ""..., 10 <unfinished ...>
# 123 <... write resumed>) = 10
_STARTED = re.compile(r"^(\d+)\s+writev?\(\d+<(?:socket|TCP)")
_RESUMED = re.compile(r"^(\d+)\s+<\.\.\. writev? resumed")
_RESULT = re.compile(r"= (\d+)$")


def written(bed: Bed) -> Section:
    """Bytes that xfd-get passes to write calls, without those that it writes to sockets.

    wchar includes requests to sockets. A run of its own under strace counts them; without strace
    they stay in, and the figure is an upper bound.
    """
    client = xfd("--durability", "none")
    cases = {
        "1 GiB": (bed.random_object(1), GIB),
        "10,000 x 16 KiB": (
            bed.small_objects(SMALL_FILES, SMALL_BYTES),
            SMALL_FILES * SMALL_BYTES,
        ),
    }
    costs = bed.compare({name: bed.fetching(client, key) for name, (key, _) in cases.items()})
    section = Section("Bytes written to files for each byte delivered")
    if shutil.which("strace") is None:
        section.lines += ["Not here: strace; requests to sockets are counted in.", ""]
    section.lines += ["| what | wchar | to sockets | rest / delivered |", "|---|---|---|---|"]
    for name in costs:
        key, delivered = cases[name]
        wchar = statistics.median(cost.written_bytes for cost in costs[name])
        home = bed.folder / "traced"
        home.mkdir()
        sockets = _to_sockets(client(bed.target(key), home / "tree"), bed.folder / "trace")
        shutil.rmtree(home)
        reached = (wchar - sockets) / delivered
        section.lines.append(f"| {name} | {wchar:,.0f} | {sockets:,} | {reached:.4f} |")
        section.goals.append(Goal(f"wchar, {name}", 1.01, reached, "x delivered"))
    return section


def _to_sockets(command: Sequence[str], trace: Path) -> int:
    """Bytes that a command and its threads write to sockets; 0 without strace."""
    if shutil.which("strace") is None:
        return 0
    options = ["-f", "-qq", "-y", "-s", "0", "-e", "trace=write,writev", "-o", str(trace)]
    subprocess.run(["strace", *options, *command], check=True)
    with trace.open(errors="replace") as lines:
        total = socket_bytes(lines)
    trace.unlink()
    return total


def socket_bytes(lines: Iterable[str]) -> int:
    """The sum of what `write` and `writev` to sockets returned, in the output of `strace -f -y`."""
    total = 0
    waiting: set[str] = set()
    for line in lines:
        started, resumed = _STARTED.match(line), _RESUMED.match(line)
        result = _RESULT.search(line.rstrip())
        if started and line.rstrip().endswith("<unfinished ...>"):
            waiting.add(started[1])
        elif result and (started or (resumed and resumed[1] in waiting)):
            total += int(result[1])
        if resumed:
            waiting.discard(resumed[1])
    return total
