"""Folders that several users write to or read from, and things that are no files of ours."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from xfd_api.errors import DestinationError, XfdError
from xfd_api.requests import (
    DownloadRequest,
    ObjectDownloadRequest,
    PrefixDownloadRequest,
    UnpackOptions,
)
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download, verify
from xfd_dataplane.verification import verify_paths

STRANGER = 65534
TIME = 1_700_000_000

RUN = """
import os, sys, tempfile
from pathlib import Path
from xfd_api.requests import *
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download
place, origin = Path(sys.argv[1]), Path(sys.argv[2])
requests = [
    ObjectDownloadRequest("one.bin", place / "one.bin"),
    PrefixDownloadRequest("p", place / "models"),
    ObjectDownloadRequest(
        "t.tar", place / "cache" / "t.tar", unpack_options=UnpackOptions(place / "tree")
    ),
]
wanted = [DownloadRequest(value) for value in requests if eval(sys.argv[3], {"value": value})]
store = ObjectStoreConfig.make_for_local(origin)
if sys.argv[4:]:
    # Everything that is imported late is imported now: the interpreter may be root's alone.
    with tempfile.TemporaryDirectory() as aside:
        download([ObjectDownloadRequest("one.bin", Path(aside) / "x")], store)
    os.setgroups([])
    os.setresgid(*[int(sys.argv[4])] * 3)
    os.setresuid(*[int(sys.argv[4])] * 3)
try:
    print(download(wanted, store, deadline_s=60).origin_bytes)
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""

EVERYTHING = "True"
FOLDERS = "'one' not in value.uri"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users can reach."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        yield place


def an_origin(place: Path, name: str, letter: str) -> Path:
    """A store; of two that differ by their letter alone, no list shows which is which."""
    origin = place / name
    (origin / "p" / "sub").mkdir(parents=True)
    files = {"one.bin": 1000, "p/config.json": 10, "p/sub/weights.bin": 5000}
    for key, size in files.items():
        (origin / key).write_bytes(letter.encode() * size)
    with tarfile.open(origin / "t.tar", "w") as archive:
        for entry in ("a", "sub/b"):
            content = letter.encode() * 100
            member = tarfile.TarInfo(entry)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    for path in origin.rglob("*"):
        os.utime(path, (TIME, TIME))
    return origin


def run(place: Path, origin: Path, which: str, *, as_stranger: bool) -> int:
    """Downloads in a process; how many bytes came from the store."""
    with tempfile.TemporaryDirectory() as home:
        os.chown(home, STRANGER if as_stranger else 0, -1)
        done = subprocess.run(
            [
                *(sys.executable, "-c", RUN, str(place), str(origin), which),
                *([str(STRANGER)] if as_stranger else []),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd="/",
            env={**os.environ, "HOME": home, "XFD_ROOT": f"{home}/root"},
        )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.fixture
def needs_two_users() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to act for another user")


@pytest.mark.usefixtures("needs_two_users")
def test_what_root_has_landed_is_all_here_for_one_who_may_only_read(place: Path) -> None:
    origin = an_origin(place, "origin", "a")
    cache = place / "cache"
    cache.mkdir()

    assert run(cache, origin, EVERYTHING, as_stranger=False) > 6000
    before = sorted(cache.rglob("*"))
    assert run(cache, origin, EVERYTHING, as_stranger=True) == 0
    assert sorted(cache.rglob("*")) == before


@pytest.mark.usefixtures("needs_two_users")
def test_folders_of_ones_own_below_one_of_roots_take_a_prefix_and_a_tree(place: Path) -> None:
    origin = an_origin(place, "origin", "a")
    for name in ("models", "tree", "cache"):
        (place / name).mkdir()
        os.chown(place / name, STRANGER, STRANGER)

    assert run(place, origin, FOLDERS, as_stranger=True) > 5000
    assert (place / "models" / "sub" / "weights.bin").read_bytes() == b"a" * 5000
    assert (place / "tree" / "sub" / "b").read_bytes() == b"a" * 100
    assert sorted(path.name for path in (place / "models").iterdir()) == [
        ".xfd",
        "config.json",
        "sub",
    ]
    assert sorted(path.name for path in (place / "tree").iterdir()) == ["a", "sub"]
    assert run(place, origin, FOLDERS, as_stranger=True) == 0


@pytest.mark.usefixtures("needs_two_users")
def test_what_a_stranger_has_prepared_in_a_common_folder_is_fetched_again(place: Path) -> None:
    good, evil = an_origin(place, "good", "a"), an_origin(place, "evil", "b")
    common = place / "common"
    common.mkdir()
    common.chmod(0o1777)

    run(common, evil, EVERYTHING, as_stranger=True)
    assert (common / "one.bin").read_bytes() == b"b" * 1000
    run(common, good, "'t.tar' not in value.uri", as_stranger=False)
    assert (common / "one.bin").read_bytes() == b"a" * 1000
    assert (common / "models" / "sub" / "weights.bin").read_bytes() == b"a" * 5000
    # A tree with a stranger's record is a stranger's tree: it is not replaced.
    with pytest.raises(AssertionError, match="DestinationNotEmptyError"):
        run(common, good, EVERYTHING, as_stranger=False)
    assert (common / "tree" / "a").read_bytes() == b"b" * 100


@pytest.mark.parametrize("in_prefix", [False, True])
def test_a_pipe_at_the_destination_is_refused_and_stays(place: Path, in_prefix: bool) -> None:
    origin = an_origin(place, "origin", "a")
    (place / "models").mkdir()
    pipe = place / "models" / "config.json"
    os.mkfifo(pipe)
    value = (
        PrefixDownloadRequest("p", place / "models")
        if in_prefix
        else ObjectDownloadRequest("p/config.json", pipe)
    )

    with pytest.raises(DestinationError, match="FIFO") as caught:
        download([DownloadRequest(value)], ObjectStoreConfig.make_for_local(origin))
    assert caught.value.path == str(pipe)
    assert pipe.is_fifo()
    assert not (place / "models" / "sub").exists()


def test_a_hyphen_is_a_name_like_others_in_the_api(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = an_origin(place, "origin", "a")
    monkeypatch.setenv("XFD_ROOT", str(place / "root"))

    request = DownloadRequest(ObjectDownloadRequest("one.bin", Path("-")))
    download([request], ObjectStoreConfig.make_for_local(origin))

    assert (place / "root" / "-").read_bytes() == b"a" * 1000


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["fifo", "endless", "stranger"])
def test_verify_believes_no_odd_record(place: Path, kind: str) -> None:
    origin = an_origin(place, "origin", "a")
    store = ObjectStoreConfig.make_for_local(origin)
    requests = [
        DownloadRequest(ObjectDownloadRequest("one.bin", place / "one.bin")),
        DownloadRequest(PrefixDownloadRequest("p", place / "models")),
    ]
    download(requests, store)
    assert verify(requests).ok
    assert verify_paths([place]).ok
    for record in (place / ".one.bin.xfd", place / ".models.xfd"):
        if kind == "stranger":
            if os.geteuid() != 0:
                pytest.skip("needs root, for a file of another user")
            os.chown(record, STRANGER, STRANGER)
            continue
        record.unlink()
        if kind == "fifo":
            os.mkfifo(record)
        else:
            record.symlink_to("/dev/zero")

    found = verify(requests)

    assert [mismatch.problem for mismatch in found.mismatches] == ["unknown", "unknown"]
    download(requests, store)
    assert verify(requests).ok


def test_a_file_of_another_user_is_not_verified(place: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, for a file of another user")
    origin = an_origin(place, "origin", "a")
    request = DownloadRequest(ObjectDownloadRequest("one.bin", place / "one.bin"))
    download([request], ObjectStoreConfig.make_for_local(origin))
    os.chown(place / "one.bin", STRANGER, STRANGER)

    (mismatch,) = verify([request]).mismatches

    assert (mismatch.problem, f"user {STRANGER}" in mismatch.detail) == ("unknown", True)


def test_a_tree_into_something_that_is_no_folder_is_refused_at_once(place: Path) -> None:
    origin = an_origin(place, "origin", "a")
    os.mkfifo(place / "tree")
    request = ObjectDownloadRequest(
        "t.tar", place / "t.tar", unpack_options=UnpackOptions(place / "tree")
    )

    with pytest.raises(XfdError, match="did not unpack"):
        download([DownloadRequest(request)], ObjectStoreConfig.make_for_local(origin))
    assert not list(place.glob(".t.tar*"))
