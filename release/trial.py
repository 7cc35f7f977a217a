"""Installs what was built into clean environments: first the sdists, which build, then the wheels.

Afterwards it writes what the release consists of (`release.parts`).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from release import parts
from release.build import PACKAGES

CLEAN = Path(".nox") / "release-clean"


def main() -> None:
    """Tries the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dist", type=Path)
    dist: Path = parser.parse_args().dist
    here = f"*_{os.uname().machine}.whl"
    python = CLEAN.resolve() / "bin" / "python"
    for built in (dist.glob("*.tar.gz"), [*dist.glob("*-any.whl"), *dist.glob(here)]):
        run("uv", "venv", "--quiet", "--clear", "--python", sys.executable, str(CLEAN))
        run("uv", "pip", "install", "--quiet", "--python", str(python), *map(str, built))
        run(str(python), "-I", "tests/smoke/check_installed.py", *PACKAGES)
        run(str(python.with_name("xfd-get")), "--version")
    parts.write(dist, python)
    shutil.rmtree(CLEAN)


def run(*command: str) -> None:
    """Runs a step; its failure ends this one."""
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
