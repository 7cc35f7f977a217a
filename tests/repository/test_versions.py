"""Numbers that stand in several files, each held to the one place where it is decided."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("xfd-api", "xfd-scheduler", "xfd-dataplane", "xfd-ray", "xfd-pipelines")


def found(pattern: str, file: str) -> list[str]:
    return re.findall(pattern, (ROOT / file).read_text(), re.MULTILINE)


VERSION = found(r'^version = "(.+)"$', "packages/xfd-api/pyproject.toml")[0]
"""The one place of the version of all packages."""


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_the_version_of_all_and_pins_it(package: str) -> None:
    pyproject = f"packages/{package}/pyproject.toml"
    assert found(r'^version = "(.+)"$', pyproject) == [VERSION]
    pins = found(r'"(xfd-[a-z]+)(?:\[\w+\])?(.*?)"', pyproject)
    pinned = [(name, pin) for name, pin in pins if name != package]
    assert [pin for _, pin in pinned] == [f"=={VERSION}"] * len(pinned)
    sources = "python" if package == "xfd-dataplane" else "src"
    module = f"packages/{package}/{sources}/{package.replace('-', '_')}/__init__.py"
    assert found(r'^__version__ = "(.+)"$', module) == [VERSION]


def test_the_crates_have_the_version_of_all() -> None:
    assert found(r'^version = "(.+)"$', "packages/xfd-dataplane/Cargo.toml") == [VERSION]
    locked = found(r'^name = "xfd-.+"\nversion = "(.+)"$', "packages/xfd-dataplane/Cargo.lock")
    assert locked == [VERSION] * 2


def test_the_newest_release_of_the_changelog_is_this_version() -> None:
    headings = found(r"^## \[(.+?)\]", "CHANGELOG.md")
    # Before a release there may also be lines that are no fragments.
    assert next(each for each in headings if each != "Unreleased") == VERSION


def test_tools_have_one_version_in_the_tasks_and_before_a_commit() -> None:
    tasks = dict(found(r'"(ruff|codespell)==(.+?)"', "pyproject.toml"))
    hooks = dict(found(r"/(ruff|codespell)[a-z-]*\n    rev: v(.+)$", ".pre-commit-config.yaml"))
    assert tasks == hooks
    assert set(tasks) == {"ruff", "codespell"}


def test_rust_is_asked_for_in_one_version() -> None:
    (oldest,) = found(r'^rust-version = "(.+)"$', "packages/xfd-dataplane/Cargo.toml")
    assert found(r"toolchain install (\S+) ", ".github/workflows/ci.yml") == [oldest]
    assert oldest in (ROOT / "README.md").read_text()
    wanted = ", ".join(oldest.split("."))
    assert f"OLDEST_RUST = ({wanted})" in (ROOT / "tasks" / "toolchain.py").read_text()
