"""Links that are cut or nearly so, and processes that stand still, on the cluster in a box.

What is not broken has to take no longer than without the fault. Rates are low, so that two cores
have time left; figures of a busy machine say little.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from xfd_testing import figures
from xfd_testing.actors import COORDINATOR, NODE_WORKER
from xfd_testing.bed.bed import Bed, BedError, check_machine
from xfd_testing.bed.faulty_run import FaultyRun, run, wait
from xfd_testing.bed.rig import Rig

MIB = 2**20
MBIT = 40
SIZE = 96 * MIB
SET = "faults"
VICTIM = "n2"
DRIVER = "n1"
"""Its host has the coordinator too. Neither is on Ray's head."""

STANDS_S = 20.0
SLOWER = 1.15
"""Times the seconds without a fault."""


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """Four hosts with Ray, and a store."""
    try:
        check_machine()
    except BedError as error:
        pytest.skip(str(error))
    logs = Path(tempfile.mkdtemp(prefix="xfd-faults-", dir="/var/tmp"))
    with Bed(4, MBIT) as bed:
        made = Rig(bed, logs)
        made.start_s3()
        made.start_ray()
        made.make_warm_set()
        made.make_set(SET, 1, SIZE)
        yield made


@pytest.fixture(scope="module")
def usual(rig: Rig) -> FaultyRun:
    """A run in which nothing is broken."""
    done = run(rig, SET, "usual", driver=DRIVER)
    assert done.report is not None, done.error
    forget(rig, "usual")
    return done


def broken(rig: Rig, name: str, act: Callable[[], object], at: float = 0.25) -> FaultyRun:
    """A run in which this is done; what has landed is right."""
    done = run(rig, SET, name, driver=DRIVER, act=act, at=at)
    print(done.log, done.node_s, done.seconds, flush=True)
    assert done.report is not None, done.error
    assert rig.wrong_files(SET, f"{name}-{SET}", list(done.node_s), unpacked=False) == []
    forget(rig, name)
    return done


def forget(rig: Rig, name: str) -> None:
    """Removes the files of a run: the next one would take them."""
    for host in rig.bed.hosts:
        shutil.rmtree(rig.bed.data(host) / f"{name}-{SET}", ignore_errors=True)


def others(done: FaultyRun, usual: FaultyRun, *victims: str) -> float:
    """How much longer the other hosts took than without the fault."""
    return max(
        done.node_s[host] / usual.node_s[host] for host in usual.node_s if host not in victims
    )


def stand_still(rig: Rig, hosts: Sequence[str], title: str, seconds: float = STANDS_S) -> None:
    """Stops the processes of this title on some hosts for a while."""
    pids = [pid for host in hosts for pid in rig.bed.pids(host, title)]
    assert pids, title
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    wait(seconds)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def cut(rig: Rig, host: str, seconds: float) -> None:
    rig.bed.cut(host)
    wait(seconds)
    rig.bed.heal(host)


def amplification(done: FaultyRun) -> str:
    assert done.report is not None
    return f"{done.report.amplification:.3f}"


def test_a_worker_that_stands_still_delays_no_other_node(rig: Rig, usual: FaultyRun) -> None:
    act = partial(stand_still, rig, [VICTIM], f"ray::{NODE_WORKER}")
    done = broken(rig, "worker-stands", act)
    assert done.report.nodes_lost == ()
    assert set(done.node_s) == set(usual.node_s)
    slower = others(done, usual, VICTIM)
    figures.record(
        "worker-stands-still", f"others {slower:.2f} x, amplification {amplification(done)}"
    )
    assert slower <= SLOWER


def test_a_coordinator_that_stands_still_loses_nobody(rig: Rig, usual: FaultyRun) -> None:
    act = partial(stand_still, rig, rig.bed.hosts, f"ray::{COORDINATOR}")
    done = broken(rig, "coordinator-stands", act)
    assert done.report.nodes_lost == ()
    assert set(done.node_s) == set(usual.node_s)
    later = done.seconds - usual.seconds
    figures.record(
        "coordinator-stands-still",
        f"all {later:+.1f} s, amplification {amplification(done)}",
    )
    assert later <= STANDS_S * SLOWER


def test_a_driver_that_stands_still_gets_its_report(rig: Rig, usual: FaultyRun) -> None:
    done = broken(rig, "driver-stands", partial(stand_still, rig, [DRIVER], "bed/distribute.py"))
    assert done.report.nodes_lost == ()
    assert set(done.node_s) == set(usual.node_s)
    later = done.seconds - usual.seconds
    figures.record(
        "driver-stands-still", f"all {later:+.1f} s, amplification {amplification(done)}"
    )
    assert later <= STANDS_S * SLOWER


def test_a_link_that_is_cut_for_a_moment_loses_nobody(rig: Rig, usual: FaultyRun) -> None:
    done = broken(rig, "cut-10", partial(cut, rig, VICTIM, 10))
    assert done.report.nodes_lost == ()
    slower = others(done, usual, VICTIM)
    itself = f"the node itself {done.node_s[VICTIM]:.0f} s"
    figures.record(
        "link-cut-10", f"others {slower:.2f} x, {itself}, amplification {amplification(done)}"
    )
    assert slower <= SLOWER


def test_a_starved_link_delays_no_other_node(rig: Rig, usual: FaultyRun) -> None:
    def starve() -> None:
        rig.bed.starve(VICTIM, 10 * MBIT)
        wait(usual.seconds)
        rig.bed.heal(VICTIM)

    done = broken(rig, "starved", starve)
    assert done.report.nodes_lost == ()
    slower = others(done, usual, VICTIM)
    figures.record("link-starved", f"others {slower:.2f} x, amplification {amplification(done)}")
    assert slower <= SLOWER


def test_a_link_that_is_cut_for_a_minute_loses_its_node_only(rig: Rig, usual: FaultyRun) -> None:
    """The last test: Ray gives the node up after some 20 s, and its raylet ends."""
    done = broken(rig, "cut-60", partial(cut, rig, VICTIM, 60))
    assert len(done.report.nodes_lost) == 1
    slower = others(done, usual, VICTIM)
    figures.record("link-cut-60", f"others {slower:.2f} x, amplification {amplification(done)}")
    assert slower <= SLOWER
