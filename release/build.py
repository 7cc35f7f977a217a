"""Builds all that is published: sdists, and wheels from them, for x86-64 and aarch64.

`ziglang` compiles C and links for both, against glibc 2.17, so the wheels run on every Linux since
2014 (manylinux2014). Python 3.10 and all later ones load the same wheel (abi3).

The same commit gives the same bytes: times are those of the commit, and no path of this machine is
in the extension. That holds as long as Rust, zig and maturin are the same.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

PACKAGES = ("xfd-api", "xfd-scheduler", "xfd-dataplane", "xfd-ray", "xfd-pipelines")
COMPILED = "xfd-dataplane"
PROCESSORS = ("x86_64", "aarch64")
PLATFORM = "manylinux2014"


def main() -> None:
    """Builds into the folder that the command line names; 1 if a wheel could not be built."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dist", type=Path)
    dist = parser.parse_args().dist.resolve()
    env = {**os.environ, **reproducible()}
    for package in PACKAGES:
        build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist)]
        if package == COMPILED:
            build.append("--sdist")
        subprocess.run([*build, f"packages/{package}"], check=True, env=env)
    (source,) = dist.glob(f"{COMPILED.replace('-', '_')}-*.tar.gz")
    missing = [each for each in PROCESSORS if not build_for(each, source, dist, env)]
    if missing:
        sys.exit(f"There is no wheel for {', '.join(missing)}")


def reproducible() -> dict[str, str]:
    """Variables that keep the time and the paths of this machine out of what is built."""
    newest = ("git", "log", "-1", "--format=%ct")
    commit_time = subprocess.run(newest, check=True, capture_output=True, text=True).stdout.strip()
    home = os.environ.get("CARGO_HOME", Path.home() / ".cargo")
    return {
        "SOURCE_DATE_EPOCH": commit_time,
        "RUSTFLAGS": f"--remap-path-prefix={home}=/cargo",
    }


def build_for(processor: str, source: Path, dist: Path, env: Mapping[str, str]) -> bool:
    """Builds a wheel from an sdist; returns whether Rust can compile for the processor here."""
    target = f"{processor}-unknown-linux-gnu"
    if not has_target(target):
        print(f"Rust's standard library for {target} is missing: rustup target add {target}")
        return False
    with tempfile.TemporaryDirectory() as folder, tarfile.open(source) as archive:
        archive.extractall(folder, filter="data")
        (unpacked,) = Path(folder).iterdir()
        build = ["maturin", "build", "--release", "--locked", "--zig", "--target", target]
        build += ["--compatibility", PLATFORM, "--auditwheel", "check", "--out", str(dist)]
        subprocess.run(build, check=True, cwd=unpacked, env=env)
    return True


def has_target(target: str) -> bool:
    """Whether Rust has its standard library for a target; rustup gets it if it can."""
    printed = ["rustc", "--print", "target-libdir", "--target", target]
    place = subprocess.run(printed, capture_output=True, text=True).stdout.strip()
    if place and any(Path(place).glob("libstd-*.rlib")):
        return True
    if not shutil.which("rustup"):
        return False
    add = ["rustup", "target", "add", target]
    try:
        return subprocess.run(add, timeout=300).returncode == 0
    except subprocess.TimeoutExpired:
        return False


if __name__ == "__main__":
    main()
