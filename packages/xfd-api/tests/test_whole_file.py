"""A file that is written whole: replaced in one step, and only if it is a file."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from xfd_api.errors import DestinationNotWritableError
from xfd_api.whole_file import check_place, write_whole


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    for text in ("old", "new"):
        check_place(path)
        write_whole(path, text)
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize("through", ["itself", "a link"])
def test_a_pipe_gets_the_text_and_stays(through: str, tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    place = pipe if through == "itself" else link

    check_place(place)
    write_whole(place, "the text")
    reader.join(10)

    assert read == ["the text"]
    assert pipe.is_fifo()
    assert link.is_symlink()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("folder", "Is a directory"),
        ("absent/run.json", "No such file or directory"),
        ("file/run.json", "Not a directory"),
    ],
)
def test_a_place_that_cannot_be_written_is_named_before_and_then(
    name: str, why: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    for write in (check_place, lambda path: write_whole(path, "text")):
        with pytest.raises(DestinationNotWritableError, match=why) as caught:
            write(tmp_path / name)
        assert caught.value.path == str(tmp_path / name)
