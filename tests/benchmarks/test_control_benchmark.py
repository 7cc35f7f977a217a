"""The benchmark of control tells roles apart, and divides by what was delivered."""

from __future__ import annotations

import os
import subprocess

from benchmarks.control import processes
from benchmarks.control.__main__ import GIB, MIB, row

from xfd_testing.waiting import until


def test_a_row_is_for_each_gib_delivered_and_for_each_chunk():
    call = {
        "wall_s": 4.0,
        "driver_s": 0.5,
        "used": {"workers": (8.0, 6.0), "coordinator": (2.0, 0.1), "Ray": (1.5, 0.5)},
        "chunks": 1000,
        "bytes": 4 * GIB,
        "worker_peak": 200 * MIB,
        "coordinator_peak": 150 * MIB,
        "driver_peak": 140 * MIB,
    }
    cells = [cell.strip() for cell in row("present", [call]).strip("|").split("|")]
    costs = ["2.00 (1.50)", "0.500", "0.125", "0.375", "1.000", "2.00"]
    assert cells == ["present", "4.00", *costs, "200, 150, 140"]


def role_of(pid: int) -> str:
    return processes.snapshot(os.getpid())[pid].role


def test_processes_below_this_one_are_found_by_their_role():
    with subprocess.Popen(["ray::NodeWorkerActor", "60"], executable="/bin/sleep") as worker:
        try:
            until(lambda: role_of(worker.pid) == processes.WORKERS, 30, "It is no worker")
        finally:
            worker.kill()
    own = processes.use_of(os.getpid())
    assert own.peak_bytes > MIB
    assert own.cpu_s > own.kernel_s > 0
