"""Keys and words that others wrote, on their way to the terminal: as text, as JSON, in errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from asked_store import asked_store
from xfd_get_process import Command

KEY = "a\x1b[31m\u202eb\x9b\nerror: c"
SHOWN = "a\\x1b[31m\\u202eb\\x9b\\nerror: c"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / KEY).write_bytes(b"bytes")
    return folder


def assert_fit(text: str) -> None:
    assert not any(each in text for each in "\x1b\x9b\u202e")


@pytest.mark.parametrize("command", ["ls", "get --dry-run"])
def test_a_key_is_shown_and_moves_no_cursor(folder: Path, tmp_path: Path, command: str) -> None:
    xfd_get = Command({})
    name, *options = command.split()
    places = [f"file://{folder}/"] if name == "ls" else [f"file://{folder}/", str(tmp_path / "out")]

    text = xfd_get.run(name, *options, *places)
    document = xfd_get.run(name, *options, "--json", *places)

    assert SHOWN in text.out
    assert json.loads(document.out)["objects"][0]["key"] == KEY
    for said in (text, document):
        assert_fit(said.out + said.err)


def test_what_a_store_says_moves_no_cursor(tmp_path: Path) -> None:
    words = "<Error><Code>AccessDenied</Code><Message>no\u202e \u009b31m way</Message></Error>"
    with asked_store() as store:
        store.answer = lambda request: request.reply(403, words.encode())
        xfd_get = Command(
            {
                "AWS_ENDPOINT_URL": store.url,
                "AWS_ACCESS_KEY_ID": "id",
                "AWS_SECRET_ACCESS_KEY": "secret",
            }
        )
        ended = xfd_get.run("ls", "s3://bucket/prefix/")

    assert ended.code == 4
    assert "no\\u202e" in ended.err
    assert_fit(ended.out + ended.err)


@pytest.mark.parametrize(
    "source",
    [
        "HTTPS://user:secret@127.0.0.1:1/x",
        "ftp://user:secret@host/x",
        "https://user:secret@/x",
        "https://user:secret@host:99999/x",
    ],
)
def test_a_password_of_a_source_is_not_shown(source: str, tmp_path: Path) -> None:
    ended = Command({}).run("get", "--attempts", "1", source, str(tmp_path / "x"))

    assert ended.code != 0
    assert "Traceback" not in ended.err
    assert "secret" not in ended.out + ended.err
