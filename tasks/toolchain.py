"""The Rust toolchain."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nox

from tasks.places import CRATES

OLDEST_RUST = (1, 94, 1)
CHECKED = ("--release", "--config", str(CRATES / "tests.toml"), "--locked", "--workspace")
"""The profile of the wheel, with checks in the crates of this workspace: others compile once."""


def cargo_env(session: nox.Session) -> dict[str, str]:
    """What cargo and maturin run with; one target folder for all of them.

    Ends the task with advice without Linux, a C compiler and a Rust toolchain that is new enough.
    """
    if sys.platform != "linux":
        session.error("xfd runs on Linux only (x86-64 or aarch64)")
    wanted = ".".join(map(str, OLDEST_RUST))
    advice = f"Install Rust {wanted} or newer, for example with rustup (https://rustup.rs)"
    path = os.pathsep.join([os.environ.get("PATH", ""), str(Path.home() / ".cargo" / "bin")])
    if not (shutil.which("cargo", path=path) and (rustc := shutil.which("rustc", path=path))):
        session.error(f"No cargo and rustc were found. {advice}")
    ran = subprocess.run([rustc, "--version"], capture_output=True, text=True, cwd=CRATES)
    version = re.match(r"rustc (\d+)\.(\d+)\.(\d+)", ran.stdout)
    if version is None:
        session.error(f"`rustc --version` failed: {ran.stderr.strip()}. {advice}")
    if tuple(map(int, version.groups())) < OLDEST_RUST:
        session.error(f"{ran.stdout.strip()} is too old. {advice}")
    if not shutil.which("cc"):
        session.error("No C compiler was found. Install one, for example Debian's gcc")
    target = os.environ.get("CARGO_TARGET_DIR", str(CRATES / "target"))
    return {"PATH": path, "CARGO_TARGET_DIR": target, "CARGO_INCREMENTAL": "0"}
