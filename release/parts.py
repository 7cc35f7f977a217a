"""Writes what a release consists of: lists of parts (SBOM, CycloneDX), and checksums.

The list of the crates is the one that maturin put into the wheel. That of the Python packages is of
a clean environment with the five wheels.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

SUMS = "SHA256SUMS"
PYTHON_LIST = "xfd-python.cdx.json"


def write(dist: Path, python: Path) -> None:
    """Writes into a folder with wheels.

    Args:
        dist: the folder.
        python: the interpreter of an environment with the wheels, and nothing else.
    """
    listed = dist / PYTHON_LIST
    command = ["cyclonedx-py", "environment", "--output-reproducible", "--validate"]
    command += ["--pyproject", "packages/xfd-pipelines/pyproject.toml", "--of", "JSON"]
    subprocess.run([*command, "-o", str(listed), str(python)], check=True)
    # Wheels that were installed from files have these as their source.
    listed.write_text(listed.read_text().replace(f"file://{dist.resolve()}/", ""))
    for each in (listed, *(crates_of(wheel, dist) for wheel in dist.glob("*-abi3-*.whl"))):
        check(each)
    (dist / SUMS).write_text(sums(dist))


def crates_of(wheel: Path, dist: Path) -> Path:
    """Copies the list of the crates out of a wheel; returns its place."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if ".dist-info/sboms/" in each)
        listed = dist / f"{wheel.name.removesuffix('.whl')}.cdx.json"
        listed.write_bytes(archive.read(name))
    return listed


def check(listed: Path) -> None:
    """Ends if a list is not as the schema of its version of CycloneDX says."""
    text = listed.read_text()
    (version,) = (each for each in SchemaVersion if f'"specVersion": "{each.to_version()}"' in text)
    wrong = JsonStrictValidator(version).validate_str(text)
    if wrong is not None:
        sys.exit(f"{listed.name}: {wrong}")
    print(f"{listed.name} is as CycloneDX {version.to_version()} says")


def sums(dist: Path) -> str:
    """The checksums of all files, as `sha256sum --check` reads them."""
    files = sorted(each for each in dist.iterdir() if each.is_file() and each.name != SUMS)
    return "".join(
        f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}\n" for each in files
    )
