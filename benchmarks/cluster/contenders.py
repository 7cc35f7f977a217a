"""Each way to bring the files to the nodes, run once and timed from the first request on."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.cluster.scenarios import Scenario
from benchmarks.cluster.torrent import swarm
from xfd_testing.bed.bed import BedError
from xfd_testing.bed.rig import BIN, BUCKET, WARM_SET, Rig

DRIVERS = Path(__file__).parent / "drivers"

FLOOR = "floor"
SLOW_FLOOR = "floor slow"
ACTORS = "ray actors"
EACH = "s5cmd each"
IDLE_S = 15.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run took.

    Attributes:
        began: Unix time of the first request.
        ended: Unix time of the return.
        hosts: those that have the files now.
        printed: what the driver printed, if there is a driver.
    """

    began: float
    ended: float
    hosts: list[str]
    printed: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """From the first request to the return."""
        return self.ended - self.began


Contender = Callable[[Rig, Scenario, str], Outcome]
"""Takes the rig, what to distribute, and the folder below `/data`."""


def floor(rig: Rig, shape: Scenario, folder: str) -> Outcome:
    """One s5cmd on one node: the least time in which the files can reach that node."""
    return _s5cmd(rig, ["n0"], shape, folder)


def slow_floor(rig: Rig, shape: Scenario, folder: str) -> Outcome:
    """One s5cmd on the slow node."""
    return _s5cmd(rig, [shape.slow[0][0]], shape, folder)


def s5cmd_on_each(rig: Rig, shape: Scenario, folder: str) -> Outcome:
    """One s5cmd on every node at once."""
    return _s5cmd(rig, rig.bed.hosts, shape, folder)


def xfd_cold(rig: Rig, shape: Scenario, folder: str) -> Outcome:
    """The first call on a Ray cluster that is up."""
    return _xfd(rig, shape, folder)


def xfd_warm(rig: Rig, shape: Scenario, folder: str) -> Outcome:
    """A call that finds the workers of an earlier call for another object."""
    return _xfd(rig, shape, folder, warm_set=WARM_SET)


def xenna(rig: Rig, shape: Scenario, folder: str) -> Outcome:
    """cosmos-xenna with chunks of 16 MB, the best of those tried."""
    return _driver(rig, "xenna.py", [BUCKET, shape.name, folder, str(shape.files)])


def ray_objects(rig: Rig, shape: Scenario, folder: str) -> Outcome:
    """Ray's object store: read, put, get, write."""
    return _driver(rig, "ray_objects.py", [BUCKET, shape.name, folder])


def ray_actors(rig: Rig, shape: Scenario, folder: str) -> Outcome:  # noqa: ARG001
    """As many empty actors as a swarm has: what a first call on Ray costs any program."""
    outcome = _driver(rig, "actors.py", [str(IDLE_S if shape.work == "idle" else 0)])
    return Outcome(outcome.began, outcome.ended, [], outcome.printed)


def libtorrent(rig: Rig, shape: Scenario, folder: str) -> Outcome:
    """Libtorrent with a seed on the object store's host and a peer on every node."""
    began, ended = swarm(rig, shape.name, folder)
    return Outcome(began, ended, rig.bed.hosts)


def available() -> dict[str, Contender]:
    """Every contender that is installed here, by the name that the table uses."""
    found: dict[str, Contender] = {
        FLOOR: floor,
        SLOW_FLOOR: slow_floor,
        "xfd cold": xfd_cold,
        "xfd warm": xfd_warm,
        EACH: s5cmd_on_each,
        "ray objects": ray_objects,
        ACTORS: ray_actors,
    }
    if importlib.util.find_spec("libtorrent") is not None:
        found["libtorrent"] = libtorrent
    if importlib.util.find_spec("cosmos_xenna") is not None:
        found["xenna"] = xenna
    return found


def contender(name: str) -> Contender:
    """A contender by its name; `xfd warm {"node_parallelism": 4}` is xfd with options of the call.

    Raises:
        BedError: there is none of this name here.
    """
    way, _, options = name.partition(" {")
    found = available()
    if options and way in ("xfd cold", "xfd warm"):
        warm_set = WARM_SET if way == "xfd warm" else ""
        given = json.loads("{" + options)
        return lambda rig, shape, folder: _xfd(rig, shape, folder, warm_set=warm_set, options=given)
    if name not in found:
        raise BedError(f"There is no contender {name!r} here; there are: {', '.join(found)}")
    return found[name]


def fitting(shape: Scenario, *, ours: bool = False) -> list[str]:
    """The contenders that can do what the scenario asks for.

    `ours`: only xfd, and what its goals compare it with.
    """
    own = ["xfd cold", "xfd warm"]
    if shape.work == "idle":
        return [ACTORS, "xfd warm"]
    if shape.work == "cached":
        return own
    if shape.work == "shared":
        return [FLOOR, *own]
    names = [FLOOR, *([SLOW_FLOOR] if shape.slow else []), *own]
    if shape.goals.unit == "seconds":
        names.append(ACTORS)
    if shape.goals.of_each is not None:
        names.append(EACH)
    if ours or shape.unpack or shape.late_s:
        return names
    others = [name for name in (EACH, "libtorrent", "xenna") if name not in names]
    if shape.files == 1:
        others.append("ray objects")
    return names + [name for name in others if name in available()]


def _s5cmd(rig: Rig, hosts: Sequence[str], shape: Scenario, folder: str) -> Outcome:
    command = [str(BIN / "s5cmd"), "cp", f"s3://{BUCKET}/{shape.name}/*", f"/data/{folder}/"]

    def run(host: str) -> None:
        rig.bed.run(host, command, env=rig.environment)

    began = time.time()
    with ThreadPoolExecutor(len(hosts)) as pool:
        list(pool.map(run, hosts))
    return Outcome(began, time.time(), list(hosts))


def _xfd(
    rig: Rig,
    shape: Scenario,
    folder: str,
    *,
    warm_set: str = "",
    options: dict[str, Any] | None = None,
) -> Outcome:
    plan: dict[str, Any] = {
        "bucket": BUCKET,
        "name": shape.name,
        "folder": folder,
        "files": shape.files,
        "keys": None,
        "unpack": shape.unpack,
        "warm_set": warm_set,
        "options": options or {},
        "cached": shape.work == "cached",
        "idle_s": IDLE_S if shape.work == "idle" else 0,
        "in_step": False,
        "late_s": shape.late_s,
    }
    if shape.work == "shared":
        outcome = _two_drivers(rig, shape, plan)
    else:
        outcome = _driver(rig, "xfd.py", [json.dumps(plan)])
    time.sleep(2)  # `keep_s` of the run and a little: the next run must not find these workers.
    return outcome


def _driver(rig: Rig, script: str, arguments: Sequence[str]) -> Outcome:
    command = [sys.executable, str(DRIVERS / script), *arguments]
    return _outcome_of(rig, rig.bed.run("n0", command, env=rig.environment))


def _two_drivers(rig: Rig, shape: Scenario, plan: dict[str, Any]) -> Outcome:
    """A driver on each of two hosts; both wait for the other before they call."""
    drivers = []
    for number, host in enumerate(("n0", "n1")):
        mine = json.dumps({**plan, "keys": shape.keys_of(number), "in_step": True})
        command = [sys.executable, str(DRIVERS / "xfd.py"), mine]
        log = rig.logs / f"driver-{number}.log"
        drivers.append(rig.bed.converse(host, command, env=rig.environment, log=log))
    for driver in drivers:
        if driver.stdout is None or driver.stdout.readline() != "ready\n":
            raise BedError(f"A driver did not get ready; see {rig.logs}")
    outcomes = [_outcome_of(rig, text) for text, _ in _go(drivers)]
    began = min(outcome.began for outcome in outcomes)
    ended = max(outcome.ended for outcome in outcomes)
    cpu_s = sum(outcome.printed["cpu_s"] for outcome in outcomes)
    return Outcome(began, ended, rig.bed.hosts, {**outcomes[0].printed, "cpu_s": cpu_s})


def _go(drivers: Sequence[Any]) -> list[tuple[str, str]]:
    for driver in drivers:
        driver.stdin.write("\n")
        driver.stdin.flush()
    return [driver.communicate(timeout=600) for driver in drivers]


def _outcome_of(rig: Rig, text: str) -> Outcome:
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if not lines:
        raise BedError(f"A driver ended and printed nothing; see {rig.logs}:\n{text[-2000:]}")
    printed = json.loads(lines[-1])
    return Outcome(printed["called_at"], printed["returned_at"], rig.bed.hosts, printed)
