"""Each way to bring the files to the nodes, run once and timed from the first request on."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from benchmarks.cluster.rig import BIN, BUCKET, DRIVERS, Rig

WARM_SET = "warm"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run took.

    Attributes:
        seconds: from the first request on.
        told: what the driver printed, where there is one.
    """

    seconds: float
    told: dict[str, Any] = field(default_factory=dict)


Contender = Callable[[Rig, str, str], Outcome]
"""Takes the rig, the set and the folder below `/data`."""


def floor(rig: Rig, name: str, folder: str) -> Outcome:
    """One s5cmd on one node: what nobody can beat who brings the files to that node."""
    return _s5cmd(rig, ["n0"], name, folder)


def s5cmd_on_each(rig: Rig, name: str, folder: str) -> Outcome:
    """One s5cmd on every node at once."""
    return _s5cmd(rig, rig.bed.hosts, name, folder)


def xfd_cold(rig: Rig, name: str, folder: str) -> Outcome:
    """The first call on a Ray cluster that is up."""
    return _xfd(rig, name, folder, warm_set="")


def xfd_warm(rig: Rig, name: str, folder: str) -> Outcome:
    """A call that finds the workers of an earlier call for another object."""
    return _xfd(rig, name, folder, warm_set=WARM_SET)


def xenna(rig: Rig, name: str, folder: str) -> Outcome:
    """cosmos-xenna with chunks of 16 MB, the best of those tried."""
    return _driver(rig, "xenna.py", [BUCKET, name, folder, str(rig.scenario.files)])


def ray_objects(rig: Rig, name: str, folder: str) -> Outcome:
    """Ray's object store: read, put, get, write."""
    return _driver(rig, "ray_objects.py", [BUCKET, name, folder])


def available() -> dict[str, Contender]:
    """Every contender that is installed here, by the name that the table uses."""
    found: dict[str, Contender] = {
        "floor": floor,
        "xfd cold": xfd_cold,
        "xfd warm": xfd_warm,
        "s5cmd each": s5cmd_on_each,
        "ray objects": ray_objects,
    }
    if importlib.util.find_spec("cosmos_xenna") is not None:
        found["xenna"] = xenna
    return found


def _s5cmd(rig: Rig, hosts: Sequence[str], name: str, folder: str) -> Outcome:
    command = [str(BIN / "s5cmd"), "cp", f"s3://{BUCKET}/{name}/*", f"/data/{folder}/"]

    def run(host: str) -> None:
        rig.bed.run(host, command, env=rig.environment)

    started = time.perf_counter()
    with ThreadPoolExecutor(len(hosts)) as pool:
        list(pool.map(run, hosts))
    return Outcome(time.perf_counter() - started)


def _xfd(rig: Rig, name: str, folder: str, *, warm_set: str) -> Outcome:
    shape = rig.scenario
    outcome = _driver(
        rig,
        "xfd.py",
        [BUCKET, name, folder, str(shape.files), str(int(shape.unpack)), warm_set],
    )
    time.sleep(2)  # keep_s of the run and a little: the next run must not find these workers
    return outcome


def _driver(rig: Rig, script: str, arguments: Sequence[str]) -> Outcome:
    text = rig.bed.run(
        "n0", [sys.executable, str(DRIVERS / script), *arguments], env=rig.environment
    )
    told = json.loads(next(line for line in reversed(text.splitlines()) if line.startswith("{")))
    with (rig.logs / "drivers.jsonl").open("a") as log:
        log.write(json.dumps({"driver": script, **told}) + "\n")
    return Outcome(told["elapsed_s"], told)
