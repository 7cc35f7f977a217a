"""Disks without room, without inodes, or that may not be written: named, and the rest is right."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from xfd_api import errors
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, PrefixDownloadRequest
from xfd_api.results import DistributionReport
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download
from xfd_testing import artifacts, figures
from xfd_testing.footprint import files_below
from xfd_testing.s3 import S3Server
from xfd_testing.slow_link import slow_link
from xfd_testing.waiting import until

KIB, MIB = 2**10, 2**20
SIZE = 16 * MIB
SMALL, SMALL_BYTES = 100, 16 * KIB

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")


@contextmanager
def tmpfs(folder: Path, options: str) -> Iterator[Path]:
    """A small file system in memory."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
    subprocess.run(command, check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def content(key: str) -> bytes:
    size = SIZE if key == "big" else SMALL_BYTES
    return b"".join(artifacts.random_bytes(size, seed=sum(key.encode())))


@pytest.fixture
def keys(s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One large object, and many small ones."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    found = ["big", *(f"set/{number}" for number in range(SMALL))]
    for key in found:
        s3_server.put(bucket, key, content(key))
    return found


def fetch(folder: Path, bucket: str, endpoint: str) -> DistributionReport:
    requests = [
        DownloadRequest(ObjectDownloadRequest("big", folder / "big")),
        DownloadRequest(PrefixDownloadRequest("set/", folder / "set")),
    ]
    store = ObjectStoreConfig.make_for_s3(bucket, endpoint=endpoint)
    return download(requests, store, chunk_size_bytes=MIB)


def first_words(error: errors.XfdError) -> str:
    """What an error says, without its places and its remedy."""
    return str(error).split(" (")[0]


def assert_whole(folder: Path, keys: list[str]) -> None:
    for key in keys:
        assert (folder / key).read_bytes() == content(key), key
    assert not [path for path in files_below([folder]) if "-part" in path.name]


@needs_root
def test_a_disk_that_fills_up_in_the_middle_is_named_and_gone_on_with(
    keys: list[str], bucket: str, s3_server: S3Server, tmp_path: Path
) -> None:
    """The large object has its room from the start; the small ones have theirs when they come."""
    with tmpfs(tmp_path / "small", f"size={SIZE + 2 * MIB}") as folder:
        other = folder / "of another program"

        def fill() -> None:
            until(lambda: (folder / ".big.xfd-part").exists(), 30, "there is no part file")
            with suppress(OSError), other.open("wb", buffering=0) as file:
                while file.write(bytes(64 * KIB)):
                    pass

        filling = threading.Thread(target=fill)
        with slow_link(s3_server.endpoint, 6 * MIB) as slow:
            filling.start()
            with pytest.raises(errors.DiskFullError) as raised:
                fetch(folder, bucket, slow)
        filling.join()
        assert str(folder) in str(raised.value)
        assert "df -i" in str(raised.value)
        for key in keys:
            found = folder / key
            assert not found.exists() or found.read_bytes() == content(key), key
        other.unlink()
        fetch(folder, bucket, s3_server.endpoint)
        assert_whole(folder, keys)
    figures.record("disk-full", f"nothing half-written; `{first_words(raised.value)}`")


@needs_root
def test_a_disk_without_inodes_is_named_and_gone_on_with(
    keys: list[str], bucket: str, s3_server: S3Server, tmp_path: Path
) -> None:
    with tmpfs(tmp_path / "few", "size=64m,nr_inodes=60") as folder:
        with pytest.raises(errors.DiskFullError) as raised:
            fetch(folder, bucket, s3_server.endpoint)
        assert "df -i" in str(raised.value)
        for key in keys:
            found = folder / key
            assert not found.exists() or found.read_bytes() == content(key), key
        subprocess.run(["mount", "-o", "remount,nr_inodes=1000", folder], check=True)
        fetch(folder, bucket, s3_server.endpoint)
        assert_whole(folder, keys)
    figures.record("disk-inodes", f"nothing half-written; `{first_words(raised.value)}`")


@needs_root
def test_a_disk_that_may_only_be_read_is_named_before_a_byte_moves(
    keys: list[str], bucket: str, s3_server: S3Server, tmp_path: Path
) -> None:
    with tmpfs(tmp_path / "read-only", "size=64m") as folder:
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        with pytest.raises(errors.DestinationNotWritableError) as raised:
            fetch(folder, bucket, s3_server.endpoint)
        assert s3_server.sent_bytes(bucket) == 0
        subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
        fetch(folder, bucket, s3_server.endpoint)
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        assert fetch(folder, bucket, s3_server.endpoint).missing_bytes == 0
        assert_whole(folder, keys)
    figures.record("disk-read-only", f"no byte moved; `{first_words(raised.value)}`")


@pytest.mark.parametrize("parts", [["n" * 300], ["n" * 200] * 25])
def test_a_path_that_is_too_long_is_named_before_a_byte_moves(
    parts: list[str], keys: list[str], bucket: str, s3_server: S3Server, tmp_path: Path
) -> None:
    with pytest.raises(errors.XfdError) as raised:
        fetch(tmp_path.joinpath("out", *parts), bucket, s3_server.endpoint)
    assert isinstance(raised.value, errors.DestinationError | errors.InvalidRequestError)
    assert re.search("too long|longer than 255 bytes", str(raised.value))
    assert s3_server.sent_bytes(bucket) == 0
    assert not files_below([tmp_path])
    figures.record("disk-long-path", f"no byte moved; `{first_words(raised.value)}`")
