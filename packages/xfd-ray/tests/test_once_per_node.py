"""Processes of one node share a call: its files, its failure, and what makes them call again."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xfd_api.errors import AccessDeniedError, DiskFullError, XfdError
from xfd_ray.frameworks import once_per_node as module
from xfd_ray.frameworks.once_per_node import SizedFile, once_per_node

REFUSED = AccessDeniedError("The origin refused the key", object="s3://bucket/a", node="n1")


class Calls:
    """Brings one file, unless it is told to fail; counts how often."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "a"
        self.count = 0
        self.error: Exception | None = None
        self.before: Callable[[], None] = lambda: None

    def __call__(self) -> list[SizedFile]:
        self.count += 1
        self.before()
        if self.error is not None:
            raise self.error
        self.file.write_bytes(b"four")
        return [(str(self.file), 4)]


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


@pytest.fixture
def note(tmp_path: Path) -> Path:
    return tmp_path / ".xfd-hooks" / "node-job-wish.json"


def test_one_call_is_enough_for_all(calls: Calls, note: Path) -> None:
    for _ in range(3):
        once_per_node(note, calls)
    assert calls.count == 1


@pytest.mark.parametrize("loss", ["removed", "cut", "another job", "a broken note"])
def test_a_lost_file_is_brought_again(loss: str, calls: Calls, note: Path) -> None:
    once_per_node(note, calls)
    if loss == "removed":
        calls.file.unlink()
    elif loss == "cut":
        calls.file.write_bytes(b"fou")
    elif loss == "another job":
        note = note.with_name("node-other-wish.json")
    else:
        note.write_text("[1")
    once_per_node(note, calls)
    assert calls.count == 2
    assert calls.file.read_bytes() == b"four"


def test_those_who_wait_for_a_failure_raise_it_and_those_who_come_later_try_again(
    calls: Calls, note: Path
) -> None:
    calls.error = REFUSED
    raised: list[Exception] = []
    others = [threading.Thread(target=lambda: raised.append(failure(note, calls))) for _ in "abc"]

    def others_wait() -> None:
        calls.before = lambda: None
        for each in others:
            each.start()
        while waiting(note) < len(others):
            os.sched_yield()

    calls.before = others_wait
    raised.append(failure(note, calls))
    for each in others:
        each.join(30)
    assert calls.count == 1
    assert [(type(each), str(each)) for each in raised] == [(AccessDeniedError, str(REFUSED))] * 4
    calls.error = None
    once_per_node(note, calls)
    assert calls.count == 2


def test_a_failure_before_the_clock_was_set_back_is_an_old_one(
    calls: Calls, note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls.error = REFUSED
    failure(note, calls)
    an_hour_ago = time.time() - 3600
    monkeypatch.setattr(module.time, "time", lambda: an_hour_ago)
    calls.error = None
    once_per_node(note, calls)
    assert calls.count == 2


def failure(note: Path, calls: Calls) -> Exception:
    with pytest.raises(AccessDeniedError) as raised:
        once_per_node(note, calls)
    return raised.value


def waiting(note: Path) -> int:
    """How many wait for the lock, as the kernel lists them."""
    inode = f":{note.with_suffix('.lock').stat().st_ino} "
    return sum("->" in line and inode in line for line in Path("/proc/locks").open())


def test_a_failure_that_is_an_error_of_files_is_no_reason_to_call_twice(
    calls: Calls, note: Path
) -> None:
    calls.error = DiskFullError("No room", path="/data")
    with pytest.raises(DiskFullError):
        once_per_node(note, calls)
    assert calls.count == 1


def test_the_turn_of_a_killed_process_goes_to_the_next(calls: Calls, note: Path) -> None:
    def is_killed() -> None:
        calls.before = lambda: os._exit(9)
        once_per_node(note, calls)

    killed = multiprocessing.get_context("fork").Process(target=is_killed)
    killed.start()
    killed.join(30)
    assert killed.exitcode == 9
    once_per_node(note, calls)
    assert calls.file.exists()


def test_where_nothing_can_be_noted_each_one_calls(calls: Calls, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for _ in range(2):
        once_per_node(tmp_path / "file" / "note.json", calls)
    assert calls.count == 2


def test_a_note_names_few_of_many_files(
    tmp_path: Path, note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOKED_AT", 10)
    files = [(str(tmp_path / f"{n}"), 0) for n in range(19)]
    for path, _ in files:
        Path(path).touch()
    once_per_node(note, lambda: files)
    assert 5 < note.read_text().count(str(tmp_path)) <= 10
    once_per_node(note, never)


def test_a_folder_is_there_whatever_its_size_and_missed_when_it_is_not(
    tmp_path: Path, note: Path
) -> None:
    """That of an archive, or of a marker `dir/` in a store, which has no bytes."""
    folder = tmp_path / "tree"
    counted: list[Path] = []

    def call() -> list[SizedFile]:
        folder.mkdir()
        counted.append(folder)
        return [(str(folder), 0)]

    once_per_node(note, call)
    once_per_node(note, never)
    folder.rmdir()
    once_per_node(note, call)
    assert len(counted) == 2


def never() -> list[SizedFile]:
    raise AssertionError("another call")


def test_notes_of_programs_that_are_long_over_are_removed(calls: Calls, note: Path) -> None:
    once_per_node(note.with_name("old.json"), calls)
    os.utime(note.with_name("old.json"), (0, 0))
    once_per_node(note, calls)
    assert not note.with_name("old.json").exists()


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "[]", '{"files": {"a": 1}}', '{"files": [["a\\u0000", 1]]}', '{"files": 5}'],
)
def test_a_note_that_cannot_be_read_is_none(calls: Calls, note: Path, text: str) -> None:
    note.parent.mkdir()
    note.write_text(text)

    once_per_node(note, calls)

    assert calls.count == 1


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ({"error": "x", "kind": "DiskFullError", "fields": {}}, DiskFullError),
        ({"error": "x", "kind": "OfALaterVersionError", "fields": {}}, XfdError),
        ({"error": "x"}, None),
        ({"error": "x", "kind": 5, "fields": {}}, None),
        ({"error": "x", "kind": "DiskFullError", "fields": {"y": 1}}, None),
        ({"error": "x", "kind": "DiskFullError", "fields": 5}, None),
        ({"error": "x", "kind": "annotations", "fields": {}}, None),
    ],
)
def test_a_failure_is_read_if_it_is_one(found: dict[str, Any], kind: type | None) -> None:
    failure = module._failure(found)

    assert failure is None if kind is None else type(failure) is kind
