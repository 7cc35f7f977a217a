"""Relative destinations lie under the node's root, and no path leaves it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xfd_api.errors import InvalidRequestError, UnsafePathError
from xfd_api.paths import checked_destination, checked_segments, hub_cache, local_path, root
from xfd_api.settings import NodeSettings


def test_the_environment_names_the_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XFD_ROOT", str(tmp_path))

    assert local_path("models/a.bin") == tmp_path / "models/a.bin"
    assert local_path("/abs/a.bin") == Path("/abs/a.bin")


def test_settings_without_a_root_take_the_nodes_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XFD_ROOT", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", "/hub")

    own = NodeSettings(root=str(tmp_path), hub_cache="/hub", attempts=3)
    assert NodeSettings(attempts=3).rooted() == own
    given = NodeSettings(root="/data", hub_cache="/cache")
    assert given.rooted() == given


def test_else_it_lies_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XFD_ROOT", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert root() == tmp_path / "xfd"

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert root() == tmp_path / ".cache" / "xfd"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"XFD_ROOT": "~"}, "/home/me"),
        ({"XFD_ROOT": "~/models"}, "/home/me/models"),
        ({"XFD_ROOT": "", "XDG_CACHE_HOME": "/c"}, "/c/xfd"),
        ({"XDG_CACHE_HOME": "~/c"}, "/home/me/c/xfd"),
        ({"XDG_CACHE_HOME": "c"}, "/home/me/.cache/xfd"),
        ({"XFD_ROOT": "models"}, None),
        ({"XFD_ROOT": "./models"}, None),
        ({"XFD_ROOT": "~nobody-of-this-name/models"}, None),
    ],
)
def test_a_root_is_absolute_or_of_this_nodes_home(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str | None
) -> None:
    for name in ("XFD_ROOT", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/me", **environment}.items():
        monkeypatch.setenv(name, value)

    if expected is None:
        with pytest.raises(InvalidRequestError, match=r"XFD_ROOT is .*relative"):
            local_path("a.bin")
        return
    assert local_path("a.bin") == Path(expected) / "a.bin"
    assert NodeSettings().rooted().root == expected


def test_a_root_of_the_settings_is_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert NodeSettings(root="~/models").rooted().root == "/home/me/models"
    with pytest.raises(InvalidRequestError, match=r"NodeSettings\.root"):
        NodeSettings(root="models").rooted()


@pytest.mark.parametrize("destination", ["..", "a/../../b", "/a/..", "a\0"])
def test_a_destination_that_climbs_is_refused(destination: str) -> None:
    with pytest.raises(UnsafePathError):
        checked_destination(destination)


@pytest.mark.parametrize("destination", ["", ".", "/", "~", "~/", "~/models", "./~/models"])
def test_a_destination_that_names_no_place_is_refused(destination: str) -> None:
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


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "/home/me/.cache/huggingface/hub"),
        ({"XDG_CACHE_HOME": "/var/cache"}, "/var/cache/huggingface/hub"),
        ({"HF_HOME": "/hf", "XDG_CACHE_HOME": "/var/cache"}, "/hf/hub"),
        ({"HF_HOME": "~/hf"}, "/home/me/hf/hub"),
        ({"HF_HOME": "$HOME/hf"}, "/home/me/hf/hub"),
        ({"HUGGINGFACE_HUB_CACHE": "/old", "HF_HOME": "/hf"}, "/old"),
        ({"HF_HUB_CACHE": "/new", "HUGGINGFACE_HUB_CACHE": "/old"}, "/new"),
        ({"HF_HUB_CACHE": "~/$NAME"}, "/home/me/models"),
    ],
)
def test_the_hub_cache_is_where_huggingface_hub_has_it(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/me", "NAME": "models", **variables}.items():
        monkeypatch.setenv(name, value)

    assert hub_cache() == Path(expected)
    assert local_path("hf-cache:models--o--n/blobs/a") == Path(expected) / "models--o--n/blobs/a"


def test_a_hub_cache_of_the_settings_is_absolute() -> None:
    with pytest.raises(InvalidRequestError, match=r"NodeSettings\.hub_cache"):
        NodeSettings(hub_cache="cache").rooted()
