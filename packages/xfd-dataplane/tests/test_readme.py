"""What the README says is so."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from xfd_dataplane.cli import codes
from xfd_dataplane.cli.parsers import make_parsers
from xfd_testing import artifacts
from xfd_testing.s3 import S3Server

README = (Path(__file__).parents[1] / "README.md").read_text()


@pytest.fixture
def place() -> Iterator[Path]:
    folder = Path("/tmp/xfd-readme")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_its_python_runs(
    s3_server: S3Server,
    tmp_path: Path,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    s3_server.make_bucket("my-models")
    weights = artifacts.weights_file(tmp_path / "weights.bin", 2**20)
    s3_server.upload("my-models", "bert/weights.bin", weights)
    entries = artifacts.environment(50)
    archive = artifacts.tar_gz(tmp_path / "env.tar.gz", entries)
    s3_server.upload("my-models", "bert/env.tar.gz", archive)
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

    exec(compile(block, "README.md", "exec"), {})

    said = capsys.readouterr().out
    size = weights.stat().st_size + archive.stat().st_size
    assert f"{size} fetched, 0 were here already" in said
    assert "['bert/weights.bin']" in said
    assert artifacts.tree_differences(place / "env", entries) == []


def test_its_exit_codes_are_the_commands() -> None:
    shown = dict(re.findall(r"^\| (\d+) \| (.*) \|$", README, re.MULTILINE))

    assert {int(code): meaning for code, meaning in shown.items()} == codes.MEANINGS


def test_its_options_are_the_commands() -> None:
    shown = set(re.findall(r"`(--[a-z0-9-]+)", README))
    _, commands = make_parsers()
    taken = {
        option
        for parser in commands.values()
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--")
    }

    assert shown == taken - {"--help"}
