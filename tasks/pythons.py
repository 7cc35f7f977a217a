"""The Pythons of this machine, and wheels in clean environments of each."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import nox

from tasks.lanes import run_side_by_side
from tasks.places import PACKAGES, ROOT

SUPPORTED = range(10, 15)
"""Minor versions of Python."""


def interpreters() -> dict[tuple[int, int], str]:
    """The Pythons on this machine that the packages support, by their version, the oldest first."""
    named = [path for path in map(shutil.which, (f"python3.{n}" for n in SUPPORTED)) if path]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found: dict[tuple[int, int], str] = {}
    for python in [sys.executable, *named, *map(str, pyenv.glob("3.*/bin/python"))]:
        script = "import sys; print(*sys.version_info[:2])"
        ran = subprocess.run([python, "-Ic", script], capture_output=True, text=True)
        if ran.returncode == 0:
            major, minor = map(int, ran.stdout.split())
            if major == 3 and minor in SUPPORTED:
                found.setdefault((major, minor), python)
    return dict(sorted(found.items()))


def oldest_ray(package: str) -> str:
    """The requirement of Ray in a package's metadata, at its lower bound."""
    project = nox.project.load_toml(f"packages/{package}/pyproject.toml")["project"]
    (bound,) = (each for each in project["dependencies"] if re.match(r"ray\W", each))
    return str(bound).replace(">=", "==")


def try_wheels(
    session: nox.Session,
    pythons: Sequence[str],
    wheels: Callable[[tuple[str, ...]], Iterable[str]],
) -> None:
    """Runs the smoke test on wheels with each Python, and on the oldest and newest also old Rays.

    Args:
        session: with uv.
        pythons: interpreters, the oldest first.
        wheels: the wheels of packages.
    """
    # The oldest Ray that distributes has no wheels for newer Pythons, and does not run pipelines.
    runs: list[tuple[str, str, tuple[str, ...], str]] = [
        (pythons[0], oldest_ray("xfd-ray"), PACKAGES[:-1], "--no-pipeline")
    ]
    ends = dict.fromkeys((pythons[0], pythons[-1]))
    runs += [(python, oldest_ray("xfd-pipelines"), PACKAGES, "") for python in ends]
    runs += [(python, "ray[data]", PACKAGES, "") for python in pythons]
    # Not in the task's own folder: Ray's workers end at once if TMPDIR is inside of VIRTUAL_ENV.
    clean = ROOT / ".nox" / "smoke-clean"
    script = str(ROOT / "tests" / "smoke" / "run.py")
    commands = []
    for place, (python, ray, packages, *flags) in enumerate(runs):
        made = str(clean / str(place) / "bin" / "python")
        session.run("uv", "venv", "--quiet", "--clear", "--python", python, str(clean / str(place)))
        target = ("uv", "pip", "install", "--quiet", "--python", made)
        session.run(*target, ray, *wheels(packages))
        commands.append((made, "-I", script, *filter(None, flags)))
    run_side_by_side(session, [[command] for command in commands], {})
    shutil.rmtree(clean)
