"""The built wheels: one for each state of a package's sources."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import nox

from tasks.places import PACKAGES, ROOT

NOT_PUBLISHED = {"target", "tests", "__pycache__", ".pytest_cache", ".hypothesis"}


def group(name: str) -> list[str]:
    """The requirements of a dependency group of the root pyproject.toml."""
    return list(nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), name))


def wheel_folder(package: str) -> Path:
    """Where the wheel of a package's present sources is, or will be."""
    state = hashlib.sha256()
    home = ROOT / "packages" / package
    for file in sorted(home.rglob("*")):
        relative = file.relative_to(home)
        is_left = file.suffix == ".so"  # By a build into the tree, as `maturin develop` does.
        if file.is_file() and not is_left and NOT_PUBLISHED.isdisjoint(relative.parts):
            state.update(f"{relative}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return ROOT / ".nox" / "built-wheels" / f"{package}-{state.hexdigest()[:16]}"


def wheels_of(packages: tuple[str, ...]) -> Iterator[str]:
    """The built wheels of these packages."""
    for package in packages:
        yield from (str(wheel) for wheel in wheel_folder(package).glob("*.whl"))


def install(session: nox.Session, packages: tuple[str, ...], *groups: str) -> None:
    """Installs built wheels, what they depend on, and dependency groups."""
    wheels = list(wheels_of(packages))
    if wheels:  # The version stays the same while the content changes.
        session.install("--no-deps", "--force-reinstall", *wheels)
    session.install(*wheels, *(each for name in groups for each in group(name)))


def install_all(session: nox.Session, *groups: str) -> None:
    """Installs the five built wheels, dependency groups, and what tests and demos start."""
    install(session, PACKAGES, *groups)
    session.install("--editable", "packages/xfd-testing")
