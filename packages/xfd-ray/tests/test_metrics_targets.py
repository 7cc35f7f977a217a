"""Service discovery: the file, the HTTP answers, and what happens to them over time. No Ray."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from xfd_api.errors import (
    CoordinatorLostError,
    DestinationNotWritableError,
    InvalidRequestError,
    VersionMismatchError,
)
from xfd_api.ids import NodeId
from xfd_api.whole_file import write_whole
from xfd_ray.cli import metrics
from xfd_ray.cli.main import run
from xfd_ray.metrics.targets import MetricsTarget, discovery_document

ONE = MetricsTarget("10.0.0.1:9400", "worker", NodeId("a1"), "gpu-1")
OWN = MetricsTarget("10.0.0.1:9401", "coordinator", NodeId("a1"), "gpu-1")
IPV6 = MetricsTarget("[::1]:9400", "worker", NodeId("b2"), 'a "name"')


class Stop(Exception):
    """Ends what would go on until it is interrupted."""


def asked(*answers: list[MetricsTarget] | Exception) -> Callable[[], list[MetricsTarget]]:
    """Answers one after the other, and then stops."""
    left = iter(answers)

    def ask() -> list[MetricsTarget]:
        answer = next(left, Stop())
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def test_a_document_is_sorted_and_quoted():
    document = discovery_document([IPV6, OWN, ONE])
    assert document == discovery_document([ONE, IPV6, OWN])
    groups = json.loads(document)
    assert [group["targets"] for group in groups] == [
        ["10.0.0.1:9400"],
        ["10.0.0.1:9401"],
        ["[::1]:9400"],
    ]
    assert groups[1]["labels"]["__meta_xfd_role"] == "coordinator"
    assert groups[2]["labels"]["__meta_xfd_host"] == 'a "name"'
    assert json.loads(discovery_document([])) == []


def test_a_file_follows_the_targets_and_is_always_whole(tmp_path: Path):
    path = tmp_path / "xfd.json"
    seen: list[tuple[int, int]] = []
    answers = asked([], [ONE], [ONE], CoordinatorLostError("gone"), [ONE, OWN])

    def ask() -> list[MetricsTarget]:
        if path.exists():
            seen.append((path.stat().st_ino, len(json.loads(path.read_text()))))
        return answers()

    with pytest.raises(Stop):
        metrics.keep_file(path, ask, 0.0, once=False)
    assert [count for _, count in seen] == [0, 1, 1, 1, 2]
    assert len({inode for inode, _ in seen[1:4]}) == 1  # It is written only if it has changed.
    assert path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in tmp_path.iterdir()] == ["xfd.json"]


def test_once_writes_once_and_raises_what_goes_wrong(tmp_path: Path):
    path = tmp_path / "xfd.json"
    metrics.keep_file(path, asked([ONE]), 60.0, once=True)
    assert len(json.loads(path.read_text())) == 1
    for error in (CoordinatorLostError("gone"), VersionMismatchError("other")):
        with pytest.raises(type(error)):
            metrics.keep_file(path, asked(error), 60.0, once=True)
    assert len(json.loads(path.read_text())) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: folder / "absent" / "xfd.json",
        lambda folder: (folder / "taken").mkdir() or folder / "taken",
    ],
    ids=["no folder", "a folder is there"],
)
def test_a_path_that_cannot_be_written_is_named(tmp_path: Path, make: Callable[[Path], Path]):
    path = make(tmp_path)
    with pytest.raises(DestinationNotWritableError) as raised:
        write_whole(path, "[]")
    assert raised.value.path == str(path)
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".")]


def test_http_answers_have_the_latest_targets(capfd: pytest.CaptureFixture[str]):
    before = set(threading.enumerate())
    with metrics.answering("127.0.0.1", 0) as latest:
        url = capfd.readouterr().err.split()[-1]
        for targets in ([], [ONE, OWN]):
            latest.put(discovery_document(targets))
            with urllib.request.urlopen(url, timeout=10) as answer:
                assert answer.headers["Content-Type"] == "application/json"
                assert len(json.load(answer)) == len(targets)
        port = int(url.rstrip("/").rpartition(":")[2])
        with (
            pytest.raises(InvalidRequestError, match=f"127.0.0.1:{port}"),
            metrics.answering("127.0.0.1", port),
        ):
            pass
    assert set(threading.enumerate()) <= before  # Those of other tests may end meanwhile.


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--port", "70000"], "'70000' is not a port"),
        (["--port", "x"], "'x' is not a port"),
        (["--every", "0"], "'0' is not a number of seconds"),
        (["--file", "x", "--http-sd"], "not allowed with argument"),
        (["--once"], "--once has no file to write"),
        (["--once", "--http-sd"], "--once has no file to write"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_ray_is_needed(
    words: list[str], said: str, capfd: pytest.CaptureFixture[str]
):
    try:
        code = run(["metrics", "targets", *words])
    except SystemExit as refused:
        code = refused.code
    assert code == 2
    assert said in capfd.readouterr().err
