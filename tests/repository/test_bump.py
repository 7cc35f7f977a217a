"""`nox -s bump`, on a copy of the files that it changes: what it runs, and what that leaves."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("bumpversion", reason="needs the dependency group `bump`")
pytest.importorskip("towncrier", reason="needs the dependency group `bump`")

ROOT = Path(__file__).parents[2]
SESSION = (ROOT / "noxfile.py").read_text().partition("def bump(")[2]
KINDS = "added|changed|removed|fixed|security|performance"


def run(place: Path, *command: str) -> None:
    ended = subprocess.run(command, cwd=place, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    tracked = subprocess.run(
        [
            "git",
            "ls-files",
            "-z",
            "packages",
            "tests/repository",
            "release",
            "changelog.d",
            ":(glob)*",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, tracked.stdout.split("\0")):
        if not name.startswith("packages/") or re.search(r"(toml|lock|__init__\.py)$", name):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    for command in ("init", "add ."):
        run(tmp_path, "git", *command.split())
    return tmp_path


def test_one_command_changes_every_version_and_writes_the_changelog(copy: Path) -> None:
    present = re.findall(
        r'^version = "(.+)"', (ROOT / "packages/xfd-api/pyproject.toml").read_text(), re.MULTILINE
    )[0]
    for fragment in (copy / "changelog.d").glob("*.*.md"):
        fragment.unlink()
    (copy / "changelog.d" / "+a.fixed.md").write_text("A fragment of two\nlines.\n")
    changelog = (copy / "CHANGELOG.md").read_text()
    heading = "## [Unreleased]\n"
    changelog = re.sub(rf"(?s){re.escape(heading)}.*?(?=<!-- towncrier)", "", changelog)
    written = f"{heading}\n### Fixed\n\n- Written by\n  hand.\n\n"
    place = changelog.index("<!-- towncrier")
    (copy / "CHANGELOG.md").write_text(changelog[:place] + written + changelog[place:])

    bump = (sys.executable, "-m", "bumpversion", "replace")
    run(copy, *bump, "--current-version", present, "--new-version", "98.7.6")
    run(copy, sys.executable, "-m", "release.unreleased")
    build = (sys.executable, "-m", "towncrier", "build", "--yes", "--version", "98.7.6")
    run(copy, *build, "--date", "2030-01-02")

    for file in copy.glob("packages/*/pyproject.toml"):
        assert f'"{present}"' not in file.read_text()
    agree = ("-q", "-k", "version_of_all or newest", "tests/repository/test_versions.py")
    run(copy, sys.executable, "-m", "pytest", *agree)
    made = (copy / "CHANGELOG.md").read_text()
    assert "## [98.7.6] - 2030-01-02\n\n### Fixed\n\n- A fragment of two\n  lines.\n" in made
    assert "- Written by\n  hand.\n" in made
    assert "Unreleased" not in made.partition("## [98.7.6]")[0]
    assert [each.name for each in (copy / "changelog.d").iterdir()] == ["README.md"]


def test_the_task_runs_these_commands() -> None:
    for part in ('"bump-my-version", "replace"', '"release.unreleased"', '"towncrier", "build"'):
        assert part in SESSION


def test_the_page_names_tasks_that_there_are() -> None:
    page = (ROOT / "docs" / "how-to" / "release.md").read_text()
    tasks = set(re.findall(r"nox -s (\w+)", page))
    assert tasks == {"bump", "release"}
    for task in tasks:
        assert f"\ndef {task}(session" in (ROOT / "noxfile.py").read_text()
    for step in re.findall(r"^\| `release\.(\w+)` \|", page, re.MULTILINE):
        assert (ROOT / "release" / f"{step}.py").exists()


def test_each_fragment_has_a_kind() -> None:
    names = [each.name for each in (ROOT / "changelog.d").iterdir() if each.name != "README.md"]
    assert [name for name in names if not re.fullmatch(rf".+\.({KINDS})\.md", name)] == []
