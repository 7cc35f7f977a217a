"""`xfd report`: text, JSON and the page, to a terminal, a pipe and a file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from xfd_api.results import DistributionReport
from xfd_ray.cli.main import run
from xfd_testing.reports import small_report


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "run.json"
    small_report().save(path)
    return path


def test_without_options_it_prints_the_table_of_the_nodes(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", str(saved)]) == 0
    printed = capsys.readouterr().out
    assert "gpu-17" in printed
    assert "efficiency 0.75" in printed


def test_json_is_the_report_itself(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", str(saved), "--json"]) == 0
    assert DistributionReport.from_json(capsys.readouterr().out) == small_report()


def test_a_page_goes_to_a_file_and_nothing_is_printed(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert run(["report", str(saved), "-o", str(page), "--title", "Tuesday & all"]) == 0
    assert capsys.readouterr().out == ""
    assert "<title>Tuesday &amp; all</title>" in page.read_text()


def test_a_page_goes_down_a_pipe_without_a_locale(saved: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "xfd_ray", "report", str(saved), "-o", "-"],
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode("utf-8").startswith("<!doctype html>")
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (None, 6, "No such file or directory"),
        ("{}", 1, "no report of xfd"),
        ('{"schema": 9}', 1, "Read it with a version of xfd as new"),
    ],
)
def test_a_file_that_is_no_report_ends_it_with_what_to_do(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    code: int,
    words: str,
) -> None:
    path = tmp_path / "run.json"
    if content is not None:
        path.write_text(content)
    assert run(["report", str(path), "--json"]) == code
    printed = capsys.readouterr()
    assert words in printed.err
    assert str(path) in printed.err
    assert json.loads(printed.out)["ok"] is False


def test_two_documents_do_not_share_standard_output(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", str(saved), "--json", "-o", "-"]) == 2
    assert "cannot both go to standard output" in capsys.readouterr().err
