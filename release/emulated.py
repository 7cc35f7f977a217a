"""Runs the wheel of another processor: imports it under qemu, and downloads a file with it.

Needs Debian's packages: an emulator, and a Python for that processor. They are unpacked below
`.nox`, not installed. Without them the wheel is not run, and this says so.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Debian's word for each processor."""

HOME = Path(".nox") / "debian-emulated"

_PYTHON = r"lib.*|python3(\.\d+)?(-minimal)?|zlib1g"
"""Of what Python needs, the parts that its import of modules looks at."""
_PATIENCE = ("-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20")

SCRIPT = """
import os, platform, sys, tempfile
from pathlib import Path
import xfd_dataplane
from xfd_api import ObjectDownloadRequest, ObjectStoreConfig
content = os.urandom(5_000_000)
home = Path(tempfile.mkdtemp())
(home / "store").mkdir()
(home / "store" / "a.bin").write_bytes(content)
wanted = [ObjectDownloadRequest("a.bin", home / "a.bin")]
report = xfd_dataplane.download(wanted, ObjectStoreConfig.make_for_local(home / "store"))
assert (home / "a.bin").read_bytes() == content
print(platform.machine(), sys.version.split()[0], "fetched", report.origin_bytes, "bytes")
"""


def main() -> None:
    """Tries the wheels of other processors in the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dist", type=Path)
    dist: Path = parser.parse_args().dist
    for processor in ARCHITECTURES:
        wheels = [*dist.glob(f"xfd_dataplane-*_{processor}.whl"), *dist.glob("xfd_api-*.whl")]
        if processor != os.uname().machine and len(wheels) > 1:
            attempt(processor, wheels)


def attempt(processor: str, wheels: Sequence[Path]) -> None:
    """Runs the wheels, if Debian's packages for that can be had."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        print(f"The wheel for {processor} is not run: this machine has no apt-get")
        return
    root = HOME.resolve() / processor
    try:
        if not (root / "complete").exists():
            unpack(processor, root)
            (root / "complete").touch()
    except subprocess.CalledProcessError as error:
        print(f"The wheel for {processor} is not run, Debian's packages cannot be had: {error}")
        return
    packages = root / "packages"
    shutil.rmtree(packages, ignore_errors=True)
    pure = ["uv", "pip", "install", "--quiet", "--target", str(packages), "rich>=13"]
    subprocess.run([*pure, "--python", sys.executable], check=True)
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages)
    emulator = root / "usr" / "bin" / f"qemu-{processor}-static"
    python = root / "usr" / "bin" / "python3"
    env = {**os.environ, "PYTHONPATH": str(packages), "PYTHONHOME": str(root / "usr")}
    command = [str(emulator), "-L", str(root), str(python), "-c", SCRIPT]
    subprocess.run(command, check=True, env=env)


def unpack(processor: str, root: Path) -> None:
    """Fetches the emulator and a Python with what it needs, by lists of packages of its own."""
    apt, downloads = HOME.resolve() / "apt", HOME.resolve() / "downloads"
    for folder in (apt / "lists" / "partial", apt / "cache" / "archives" / "partial", downloads):
        folder.mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    (apt / "apt.conf").write_text(
        f'APT::Architectures {{ "{ARCHITECTURES[os.uname().machine]}"; '
        f'"{ARCHITECTURES[processor]}"; }};\n'
        f'Dir::State "{apt}";\nDir::State::lists "{apt}/lists";\n'
        f'Dir::State::status "{apt}/status";\nDir::Cache "{apt}/cache";\n'
        'APT::Sandbox::User "root";\n'
    )
    env = {**os.environ, "APT_CONFIG": str(apt / "apt.conf"), "LC_ALL": "C"}

    def run(*command: str) -> str:
        ran = subprocess.run(
            command, check=True, text=True, stdout=subprocess.PIPE, env=env, cwd=downloads
        )
        return ran.stdout

    run("apt-get", "-qq", *_PATIENCE, "update")
    kinds = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    without = [f"--no-{kind}" for kind in kinds]
    theirs = ARCHITECTURES[processor]
    listed = run("apt-cache", "depends", "--recurse", *without, f"python3:{theirs}")
    names = set(re.findall(rf"^(\S+):{theirs}$", listed, re.MULTILINE))
    wanted = [f"{name}:{theirs}" for name in sorted(names) if re.fullmatch(_PYTHON, name)]
    run("apt-get", "-qq", *_PATIENCE, "download", "qemu-user-static", *wanted)
    for each in sorted(downloads.glob("*.deb")):
        run("dpkg-deb", "-x", str(each), str(root))
    shutil.rmtree(downloads)


if __name__ == "__main__":
    main()
