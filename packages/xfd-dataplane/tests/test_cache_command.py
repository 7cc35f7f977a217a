"""`xfd-get cache` as a user types it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from local_objects import an_object, put

from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download
from xfd_dataplane.cli import main

MIB = 2**20


@pytest.fixture
def root(origin: Path, store: ObjectStoreConfig, tmp_path: Path) -> Path:
    """A root with two files, one of which is older."""
    for name in ("old", "new"):
        put(origin, name, MIB)
        download(an_object(name, f"models/{name}"), store)
    return tmp_path / "root"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["cache", *words])
    out, err = capsys.readouterr()
    return code, out, err


def document(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    code, out, _ = run(capsys, *words, "--json")
    assert code == 0
    found: dict[str, object] = json.loads(out)
    assert found["ok"]
    return found


def test_a_list_names_what_is_there_and_where_it_came_from(
    root: Path, origin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "ls")

    assert (code, err) == (0, "")
    *lines, last = out.splitlines()
    assert [line.split("  ")[-2:] for line in lines] == [
        [f"{root}/models/{name}", f"from file://{origin}/{name}"] for name in ("new", "old")
    ]
    assert last.split() == ["2.0", "MiB", "in", "2", "entries"]
    listed = document(capsys, "ls", "models/old")
    (entry,) = listed["entries"]  # type: ignore[misc]
    assert entry["bytes"] == MIB
    assert not entry["pinned"]
    assert entry["fetched_by_xfd"]


def test_sums_count_pins_and_limits(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(capsys, "pin", "models/old")[:2] == (0, f"pinned {root}/models/old\n")
    monkeypatch.setenv("XFD_CACHE_QUOTA", "5GiB")
    monkeypatch.setenv("XFD_CACHE_MAX_AGE", "30d")

    sums = document(capsys, "du")

    assert (sums["bytes"], sums["pinned_bytes"]) == (2 * MIB, MIB)
    assert (sums["quota_bytes"], sums["max_age_s"]) == (5 * 2**30, 30 * 86400)
    out = run(capsys, "du")[1]
    assert "2.0 MiB in 2 files, quota 5.0 GiB, unused for at most 30 d" in out


def test_removal_says_what_stays_and_a_dry_run_changes_nothing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "pin", "models/old")
    code, out, err = run(capsys, "rm", "-n", "models")
    assert out.splitlines()[-1] == "would remove 1, 1.0 MiB"
    assert (root / "models/new").exists()

    code, out, err = run(capsys, "rm", "models")

    assert (code, out.splitlines()[-1]) == (6, "removed 1, 1.0 MiB")
    assert err == f"xfd-get: kept {root}/models/old: it is pinned\n"
    assert not (root / "models/new").exists()
    run(capsys, "unpin", "models/old")
    assert run(capsys, "rm", f"{root}/models/old")[0] == 0
    assert not (root / "models").exists()


def test_pruning_needs_a_limit_and_keeps_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "prune")
    assert code == 2
    assert "Give --quota or --max-age" in err

    code, out, _ = run(capsys, "prune", "--quota", "1MiB")

    assert (code, out.splitlines()[-1]) == (0, "removed 1, 1.0 MiB")
    assert not (root / "models/old").exists()
    assert (root / "models/new").exists()


def test_what_broken_runs_left_is_listed_and_then_removed(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "models/new").unlink()
    part = root / ".big.xfd-part"
    part.write_bytes(b"12345")
    os.utime(part, (1, 1))

    code, out, _ = run(capsys, "records")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["found", "part"],
        ["found", "record"],
        ["found", "2,"],
    ]
    assert part.exists()

    run(capsys, "records", "--remove")
    assert not part.exists()
    assert run(capsys, "records")[1] == "found 0, 0 B\n"


def test_a_path_without_anything_is_not_found(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "rm", "models/none")

    assert code == 3
    assert "xfd keeps nothing there" in err
    assert "cache ls" in err


@pytest.mark.parametrize("command", ["rm", "ls", "pin", "unpin", "records"])
@pytest.mark.parametrize("path", ["", " "])
def test_an_empty_path_is_refused_rather_than_taken_for_everything(
    root: Path, capsys: pytest.CaptureFixture[str], command: str, path: str
) -> None:
    code, _, err = run(capsys, command, path)

    assert (code, "A path is empty" in err) == (2, True)
    assert sorted(each.name for each in (root / "models").iterdir() if each.name[0] != ".") == [
        "new",
        "old",
    ]
