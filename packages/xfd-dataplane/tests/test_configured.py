"""`xfd-get` and `download` as they are configured, and the commands that say how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from xfd_get_process import Command

from xfd_api.errors import InvalidRequestError
from xfd_api.requests import ObjectDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download
from xfd_testing import artifacts

MIB = 2**20


@pytest.fixture
def big(tmp_path: Path) -> Path:
    return artifacts.weights_file(tmp_path / "in" / "big", 8 * MIB)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the folder that the test works in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "xfd.toml"


@pytest.mark.parametrize(
    ("text", "variable", "words", "chunks"),
    [
        ("", "", [], 2),
        ('chunk_size_bytes = "1MiB"', "", [], 8),
        ('chunk_size_bytes = "1MiB"', "2MiB", [], 4),
        ('chunk_size_bytes = "1MiB"', "2MiB", ["--chunk-size", "8MiB"], 1),
    ],
)
def test_an_option_precedes_a_variable_precedes_a_file(
    text: str, variable: str, words: list[str], chunks: int, big: Path, settings: Path
) -> None:
    settings.write_text(text)
    command = Command({"XFD_CHUNK_SIZE_BYTES": variable})

    planned = command.run("-n", "--json", f"file://{big}", "out", *words)

    assert json.loads(planned.out)["chunks"] == chunks


def test_a_flag_can_be_taken_back(settings: Path, big: Path) -> None:
    settings.write_text("[node]\nverify_whole = true\n")

    assert Command({}).run(f"file://{big}", "out", "--no-verify-whole", "-q").code == 0


def test_a_wrong_setting_is_refused_before_anything_moves(settings: Path, big: Path) -> None:
    settings.write_text("[node]\nattempt = 3\n")
    ended = Command({}).run(f"file://{big}", "out")

    assert ended.code == 2
    assert ended.err == (
        f"xfd-get: error: {settings}:2: there is no setting node.attempt. "
        "Did you mean node.attempts?\n"
    )
    with pytest.raises(InvalidRequestError, match="Did you mean node"):
        download(
            ObjectDownloadRequest("big", settings.parent / "out"),
            ObjectStoreConfig.make_for_local(big.parent),
        )
    assert not (settings.parent / "out").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"deadline_s": "5"},
        {"deadline_s": float("nan")},
        {"deadline_s": -1.0},
        {"durability": "full"},
        {"chunk_size_bytes": "8MiB"},
        {"read_timeout_s": float("inf")},
        {"progress": "Bar"},
    ],
    ids=str,
)
def test_an_argument_is_checked_by_the_table(
    options: dict[str, Any], settings: Path, big: Path
) -> None:
    (name,) = options
    store = ObjectStoreConfig.make_for_local(big.parent)
    with pytest.raises(InvalidRequestError, match=f"{name} is {options[name]!r}"):
        download(ObjectDownloadRequest("big", settings.parent / "out"), store, **options)


def test_a_deadline_can_be_configured(settings: Path, big: Path) -> None:
    settings.write_text("deadline_s = 0.3\n[node]\ndownload_bytes_per_s = 100_000\n")
    ended = Command({}).run(f"file://{big}", "out")

    assert ended.code == 7
    assert "within 0.3 s" in ended.err


def test_the_command_says_what_holds_and_why(settings: Path) -> None:
    settings.write_text("keep_s = 5\n")
    command = Command({"XFD_NODE_ATTEMPTS": "3"})

    plain = command.run("config", "show")
    shown = command.run("config", "show", "--origin")
    document = json.loads(command.run("config", "show", "--json").out)

    assert "keep_s = 5\n" in plain.out
    assert f"keep_s = 5  # {settings}:1\n" in shown.out
    assert "attempts = 3  # XFD_NODE_ATTEMPTS\n" in shown.out
    assert 'durability = "object"  # default\n' in shown.out
    assert {each["source"] for each in document["settings"]} == {"default", "file", "environment"}
    settings.write_text(plain.out)
    assert Command({}).run("config", "show").out == plain.out


def test_a_variable_that_is_no_setting_is_named(settings: Path) -> None:
    said = Command({"XFD_CHUNK_SIZE": "1MiB"}).run("config", "show")

    assert "XFD_CHUNK_SIZE is no setting; did you mean XFD_CHUNK_SIZE_BYTES?" in said.err
    assert said.code == 0


def test_every_command_reads_the_settings(settings: Path, big: Path) -> None:
    settings.write_text("keep = 5\n")

    for words in (
        ["ls", f"file://{big}"],
        ["verify", f"file://{big}", str(big)],
        ["cat", "s3://b"],
    ):
        said = Command({}).run(*words)
        assert (said.code, "Did you mean keep_s?" in said.err) == (2, True)


def test_the_command_says_what_is_wrong_with_a_file(settings: Path) -> None:
    settings.write_text('keep = 5\ndurability = "object"\n')

    said = Command({}).run("config", "check", settings)
    document = json.loads(Command({}).run("config", "check", settings, "--json").out)

    assert said.code == 2
    assert said.out.splitlines() == [
        f"{settings}:1: there is no setting keep. Did you mean keep_s?",
        f"{settings}: 2 settings, 1 wrong",
    ]
    assert (document["ok"], len(document["problems"])) == (False, 1)
    settings.write_text('durability = "object"\n')
    right = Command({}).run("config", "check", settings)
    assert (right.code, right.out) == (0, f"{settings}: 1 setting, all as they should be\n")
    assert Command({}).run("config", "check").code == 2
    assert Command({}).run("config", "check", settings, "--origin").code == 2


@pytest.mark.parametrize(
    ("words", "configured", "events"),
    [
        (["--json"], "", 0),
        (["--json"], "json", 3),
        (["--json", "-q"], "json", 0),
        (["--json", "-q", "--progress", "json"], "none", 3),
    ],
    ids=str,
)
def test_progress_for_programs_is_shown_if_somebody_asks_for_it(
    words: list[str], configured: str, events: int, big: Path
) -> None:
    done = Command({"XFD_PROGRESS": configured}).run(f"file://{big}", big.parent / "o", *words)

    assert json.loads(done.out)["ok"] is True
    shown = [json.loads(line)["event"] for line in done.err.splitlines()]
    assert len(shown) >= events
    assert set(shown) == ({"progress"} if events else set())
