"""Runs scenarios on beds in rounds, every contender once in each round, and measures each run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cluster import traces
from benchmarks.cluster.contenders import FLOOR, SLOW_FLOOR, Outcome, contender
from benchmarks.cluster.processes import COORDINATOR, EMPTY, WORKER, ProcessWatch
from benchmarks.cluster.scenarios import MIB, Scenario
from xfd_testing.bed.bed import S3_HOST, Bed, BedError
from xfd_testing.bed.links import LinkLog
from xfd_testing.bed.rig import Rig

SHORT_S = 2.0
"""Processor shares of shorter runs are not noted: their samples are too few."""


@dataclass(slots=True)
class Row:
    """One run of one contender.

    Attributes:
        floor_s: the floor's seconds in the same round; None if it did not run.
        slow_floor_s: the same for the slow node's own floor.
        s3_bytes: sent by the object store's host meanwhile, headers included.
        floor_s3_bytes: the same for the floor of the same round.
        control_cpu: processor time of driver and coordinator, as a share of one core.
        workers_cpu: of all workers together.
        worker_peak_mib: highest resident set of a worker.
        worker_anonymous_mib: highest anonymous part of it.
        node_s: seconds from the call until each host had everything, if the contender reports it.
    """

    scenario: str
    contender: str
    round: int
    seconds: float
    s3_bytes: int
    floor_s: float | None = None
    slow_floor_s: float | None = None
    floor_s3_bytes: int | None = None
    control_cpu: float | None = None
    workers_cpu: float | None = None
    worker_peak_mib: float | None = None
    worker_anonymous_mib: float | None = None
    node_s: dict[str, float] = field(default_factory=dict)


def measure(
    shapes: Sequence[Scenario],
    rounds: int,
    contenders: dict[str, list[str]],
    timelines: Path | None,
    congestion: str | None = None,
) -> Iterator[tuple[Scenario, list[Row]]]:
    """The rows of each round; scenarios whose hosts are alike share a bed, one after the other."""
    for nodes, disks in dict.fromkeys((shape.nodes, shape.disks) for shape in shapes):
        alike = [shape for shape in shapes if (shape.nodes, shape.disks) == (nodes, disks)]
        with ExitStack() as stack:
            logs = Path(tempfile.mkdtemp(prefix="xfd-bench-", dir="/var/tmp"))
            watch = stack.enter_context(ProcessWatch())
            bed = stack.enter_context(
                Bed(nodes, alike[0].mbit, alike[0].s3_mbit, disks=disks, congestion=congestion)
            )
            links = stack.enter_context(LinkLog(bed, logs / "links.jsonl"))
            rig = Rig(bed, logs, traced=timelines is not None)
            rig.start_s3()
            rig.start_ray()
            rig.make_warm_set()
            for shape in alike:
                for host in bed.hosts:
                    bed.limit(host, dict(shape.slow).get(host, shape.mbit))
                bed.limit(S3_HOST, shape.s3_mbit or shape.mbit)
                rig.make_set(shape.name, shape.files, shape.size, unpack=shape.unpack)
                bench = Bench(rig, links, watch, timelines)
                for place in range(rounds):
                    yield shape, bench.round(shape, place, contenders[shape.name])
        shutil.rmtree(logs)


class Bench:
    """Runs contenders on one rig."""

    def __init__(
        self, rig: Rig, links: LinkLog, watch: ProcessWatch, timelines: Path | None
    ) -> None:
        self._rig = rig
        self._links = links
        self._watch = watch
        self._timelines = timelines

    def round(self, shape: Scenario, place: int, names: Sequence[str]) -> list[Row]:
        """Runs each contender once; the failure of a competitor is printed and skipped."""
        rows = []
        for name in names:
            try:
                rows.append(self._run(shape, name, place))
            except (BedError, subprocess.TimeoutExpired) as error:
                if name == FLOOR or name.startswith("xfd"):
                    raise
                print(f"  {shape.name}, round {place}, {name} FAILED: {error}", file=sys.stderr)
        floors = {row.contender: row for row in rows}
        for row in rows:
            if (base := floors.get(FLOOR)) is not None:
                row.floor_s, row.floor_s3_bytes = base.seconds, base.s3_bytes
            if (slow := floors.get(SLOW_FLOOR)) is not None:
                row.slow_floor_s = slow.seconds
        return rows

    def _run(self, shape: Scenario, name: str, place: int) -> Row:
        bed = self._rig.bed
        what = re.sub(r"[^a-z0-9]+", "-", f"{shape.name}-{name}-{place}")
        traces.clear(bed)
        # Writes that the run before left to the kernel must not delay this one.
        os.sync()
        outcome = contender(name)(self._rig, shape, what)
        row = self._row(shape, name, place, outcome)
        if self._timelines is not None and name.startswith("xfd") and shape.work != "idle":
            title = f"{shape.name}, {name}"
            driver = {**outcome.printed, "called_at": outcome.began, "returned_at": outcome.ended}
            traces.keep(bed, self._links, title, driver, self._timelines / what)
        print(f"  {shape.name}, round {place}, {name}: {row.seconds:.2f} s", file=sys.stderr)
        unpacked = shape.unpack and name.startswith("xfd")
        wrong = self._rig.wrong_files(shape.name, what, outcome.hosts, unpacked=unpacked)
        if wrong:
            raise BedError(f"{name} left wrong files: {wrong[:5]}; logs in {self._rig.logs}")
        # Small files stay until the bed is gone, without their records, by which the next run would
        # take them: ext4 passes over each inode that was freed in the last five minutes, at the
        # cost of the next run that makes files.
        gone = f".{what}*" if shape.is_small else f"{what}*"
        for host in bed.hosts:
            for path in bed.data(host).glob(gone):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return row

    def _row(self, shape: Scenario, name: str, place: int, outcome: Outcome) -> Row:
        began, ended, printed = outcome.began, outcome.ended, outcome.printed
        sent = self._links.sent(S3_HOST, began, ended)
        row = Row(shape.name, name, place, outcome.seconds, sent)
        peak, anonymous = self._watch.peak_bytes(WORKER, began)
        if peak and name.startswith("xfd"):  # Competitors have actors of the same name.
            row.worker_peak_mib, row.worker_anonymous_mib = peak / MIB, anonymous / MIB
        if outcome.seconds >= SHORT_S and "cpu_s" in printed:
            workers = sum(self._watch.cpu_s(role, began, ended) for role in (WORKER, EMPTY))
            control = printed["cpu_s"] + self._watch.cpu_s(COORDINATOR, began, ended)
            row.workers_cpu = workers / outcome.seconds
            row.control_cpu = control / outcome.seconds
        if "nodes" in printed:
            # The report starts when the coordinator receives the call; the time before is ours too.
            extra = outcome.seconds - printed["reported_s"]
            hosts = {self._rig.bed.address(host): host for host in self._rig.bed.hosts}
            row.node_s = {
                hosts[printed["hosts"][node]]: seconds + extra
                for node, seconds in printed["nodes"].items()
            }
        return row
