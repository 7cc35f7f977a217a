"""Commands that run side by side, and all of them although some fail."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import nox

from tasks.places import CORES


def run_each(
    session: nox.Session, commands: Iterable[tuple[str, ...]], env: Mapping[str, str]
) -> list[str]:
    """Runs commands one after the other, also after one has failed; returns those that failed.

    It prints each output when it is whole, because others may run at the same time.
    """
    path = os.pathsep.join([session.bin, env.get("PATH", os.environ["PATH"])])
    surroundings = {**os.environ, **env, "PATH": path}
    failed = []
    for program, *arguments in commands:
        ran = subprocess.run(
            [shutil.which(program, path=path) or program, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=surroundings,
        )
        line = shlex.join([program, *arguments])
        session.log(f"{line}\n{ran.stdout}")
        if ran.returncode:
            failed.append(line)
    return failed


def run_side_by_side(
    session: nox.Session, lanes: Sequence[Sequence[tuple[str, ...]]], env: Mapping[str, str]
) -> None:
    """Runs as many lanes of commands at once as there are cores; fails at the end if any failed."""
    with ThreadPoolExecutor(CORES) as pool:
        lanes_failed = pool.map(lambda lane: run_each(session, lane, env), lanes)
        failed = [command for lane in lanes_failed for command in lane]
    if failed:
        session.error("Failed: " + "; ".join(failed))


def test_command(package: str) -> tuple[str, ...]:
    """Runs a package's own tests; most of them wait for processes, servers and clocks."""
    # Those that share a Ray are in one file, and each process would start another.
    shared = "loadfile" if package == "xfd-pipelines" else "worksteal"
    spread = ("-n", str(min(2 * CORES, 8)), "--dist", shared)
    return ("python", "-m", "pytest", *spread, f"packages/{package}/tests")
