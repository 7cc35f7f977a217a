"""Checks what was built, without running it: metadata, platforms, the stable ABI, processors."""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

NEWEST_GLIBC = (2, 17)
"""That of manylinux2014. Ray's own wheels need no older one."""

MACHINES = {"x86_64": "EM_X86_64", "aarch64": "EM_AARCH64"}


@dataclass(frozen=True, slots=True)
class Extension:
    """A compiled module: the processor that it is for, and what it needs of the system."""

    machine: str
    libraries: tuple[str, ...]
    glibc: tuple[int, ...]

    @staticmethod
    def of(wheel: Path) -> Extension:
        """Reads the one extension of a wheel."""
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (each for each in archive.namelist() if each.endswith(".so"))
            elf = ELFFile(io.BytesIO(archive.read(name)))
        dynamic = elf.get_section_by_name(".dynamic")
        libraries = tuple(tag.needed for tag in dynamic.iter_tags("DT_NEEDED"))
        sections = (each for each in elf.iter_sections() if isinstance(each, GNUVerNeedSection))
        versions = [
            version.name.removeprefix("GLIBC_")
            for section in sections
            for _, needed in section.iter_versions()
            for version in needed
            if version.name.startswith("GLIBC_")
        ]
        newest = max(tuple(map(int, version.split("."))) for version in versions)
        return Extension(elf["e_machine"], libraries, newest)


def main() -> None:
    """Checks the folder that the command line names; ends with what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dist", type=Path)
    dist: Path = parser.parse_args().dist
    built = sorted([*dist.glob("*.whl"), *dist.glob("*.tar.gz")])
    run("twine", "check", "--strict", *map(str, built))
    for wheel in dist.glob("*-abi3-*.whl"):
        run("auditwheel", "show", str(wheel))
        run("abi3audit", "--strict", "--verbose", str(wheel))
        found = Extension.of(wheel)
        print(f"{wheel.name}: {found}")
        (processor,) = (each for each in MACHINES if wheel.stem.endswith(each))
        if found.machine != MACHINES[processor]:
            sys.exit(f"{wheel.name} has code for {found.machine}")
        if found.glibc > NEWEST_GLIBC:
            sys.exit(f"{wheel.name} needs glibc {'.'.join(map(str, found.glibc))}")


def run(*command: str) -> None:
    """Runs a check of another program; its failure ends this one."""
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
