"""Relative destinations lie under the node's root, and no path leaves it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xfd_api.errors import InvalidRequestError, UnsafePathError
from xfd_api.paths import checked_destination, checked_segments, local_path, root
from xfd_api.settings import NodeSettings


def test_the_environment_names_the_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XFD_ROOT", str(tmp_path))

    assert local_path("models/a.bin") == tmp_path / "models/a.bin"
    assert local_path("/abs/a.bin") == Path("/abs/a.bin")


def test_settings_without_a_root_take_the_nodes_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XFD_ROOT", str(tmp_path))

    assert NodeSettings(attempts=3).rooted() == NodeSettings(root=str(tmp_path), attempts=3)
    assert NodeSettings(root="/data").rooted() == NodeSettings(root="/data")


def test_else_it_lies_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XFD_ROOT", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert root() == tmp_path / "xfd"

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert root() == tmp_path / ".cache" / "xfd"


@pytest.mark.parametrize("destination", ["..", "a/../../b", "/a/..", "a\0"])
def test_a_destination_that_climbs_is_refused(destination: str) -> None:
    with pytest.raises(UnsafePathError):
        checked_destination(destination)


@pytest.mark.parametrize("destination", ["", ".", "/"])
def test_a_destination_without_a_name_is_refused(destination: str) -> None:
    with pytest.raises(InvalidRequestError):
        checked_destination(destination)


def test_a_destination_is_tidied() -> None:
    assert checked_destination("./a//b/./c/") == "a/b/c"
    assert checked_destination(Path("/a/b/")) == "/a/b"


@given(key=st.text(alphabet="ab./\0", max_size=12))
def test_a_key_becomes_a_path_below_its_folder_or_is_refused(key: str) -> None:
    try:
        segments = checked_segments(key, what="key")
    except UnsafePathError:
        return
    place = Path("/base").joinpath(*segments)

    assert place.is_relative_to("/base")
    assert ".." not in place.parts
    assert "/".join(segments) == key
    assert str(place) == ("/base/" + key).rstrip("/"), "two keys would become one path"
