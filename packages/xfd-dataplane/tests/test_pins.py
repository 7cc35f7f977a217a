"""A request names the checksum of its object, and nothing else lands."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from local_objects import put
from s3_stores import store_of
from web_servers import serving_folder

from xfd_api.errors import ChecksumMismatchError, InvalidRequestError, PinMismatchError
from xfd_api.requests import ObjectDownloadRequest, UnpackOptions
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download, verify
from xfd_testing import artifacts
from xfd_testing.s3 import S3Server

MIB = 2**20


class Pinned:
    """An object of a local store, and requests for it."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.body = put(folder / "origin", "w.bin", size)
        self.path = folder / "out" / "w.bin"
        self.store = ObjectStoreConfig.make_for_local(folder / "origin")

    def download(self, **checksum: str) -> None:
        request = ObjectDownloadRequest("w.bin", self.path, **checksum)  # type: ignore[arg-type]
        download(request, self.store, chunk_size_bytes=MIB)


@pytest.mark.parametrize("size", [0, 1, MIB, 5 * MIB + 7])
@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_the_named_object_lands(tmp_path: Path, algorithm: str, size: int) -> None:
    pinned = Pinned(tmp_path, size)

    pinned.download(**{algorithm: hashlib.new(algorithm, pinned.body).hexdigest().upper()})

    assert pinned.path.read_bytes() == pinned.body


@pytest.mark.parametrize(
    ("checksum", "is_right"),
    [
        ("crc64nvme:ae8b14860a799888", True),
        ("CRC32C:E3069283", True),
        ("crc32:cbf43926", True),
        ("git-sha1:d2d6a9b6a9c1b6c9e4d3f1d7dd0f5e0c9e35f0c0", False),
        ("md5:25f9e794323b453885f5181f1b624d0b", True),
        ("crc32:cbf43927", False),
    ],
)
def test_each_algorithm_has_one_spelling(tmp_path: Path, checksum: str, is_right: bool) -> None:
    """Of the check string of CRCs."""
    (tmp_path / "f").write_bytes(b"123456789")
    store = ObjectStoreConfig.make_for_local(tmp_path)
    request = ObjectDownloadRequest("f", tmp_path / "out", checksum=checksum)
    if is_right:
        download(request, store)
        assert verify(request, store).ok
    else:
        with pytest.raises(PinMismatchError):
            download(request, store)
    assert (tmp_path / "out").exists() is is_right


@pytest.mark.parametrize("size", [0, MIB, 5 * MIB])
def test_another_object_does_not_land(tmp_path: Path, size: int) -> None:
    pinned = Pinned(tmp_path, size)
    other = hashlib.sha256(b"other").hexdigest()

    with pytest.raises(PinMismatchError) as caught:
        pinned.download(sha256=other)

    message = str(caught.value)
    assert hashlib.sha256(pinned.body).hexdigest() in message
    assert other in message
    assert "w.bin" in message
    assert "Check the checksum in the request" in message
    assert list(pinned.path.parent.iterdir()) == []


def test_a_cached_file_is_judged_and_stays(tmp_path: Path) -> None:
    pinned = Pinned(tmp_path, 3 * MIB)
    right = hashlib.sha256(pinned.body).hexdigest()
    pinned.download()
    before = pinned.path.stat()

    pinned.download(sha256=right)
    pinned.download(sha256=right)
    with pytest.raises(ChecksumMismatchError):
        pinned.download(sha256=right.replace(right[0], "0" if right[0] != "0" else "1"))

    assert pinned.path.read_bytes() == pinned.body
    assert pinned.path.stat().st_ino == before.st_ino


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"sha256": "ab"}, "64 hexadecimal digits"),
        ({"sha256": "g" * 64}, "64 hexadecimal digits"),
        ({"sha256": ""}, "64 hexadecimal digits"),
        ({"md5": "0" * 31}, "32 hexadecimal digits"),
        ({"md5": "0" * 32, "sha256": "0" * 64}, "Give one checksum"),
        ({"md5": "0" * 32, "checksum": f"md5:{'0' * 32}"}, "Give one checksum"),
        ({"checksum": "0" * 64}, "Write ALGORITHM:HEX"),
        ({"checksum": f"sha1:{'0' * 40}"}, "known are sha256, md5"),
        ({"checksum": "crc32c:4waSgw=="}, "prints its checksums in base64"),
    ],
)
def test_a_malformed_checksum_is_refused_before_anything_moves(
    tmp_path: Path, given: dict[str, str], why: str
) -> None:
    pinned = Pinned(tmp_path, 10)

    with pytest.raises(InvalidRequestError, match=why):
        pinned.download(**given)

    assert not pinned.path.parent.exists()


@pytest.mark.parametrize("keep_archive", [True, False])
def test_only_the_named_archive_is_unpacked(tmp_path: Path, keep_archive: bool) -> None:
    origin = tmp_path / "origin"
    artifacts.tar_gz(origin / "env.tar.gz", artifacts.environment(20))
    right = hashlib.sha256((origin / "env.tar.gz").read_bytes()).hexdigest()
    out = tmp_path / "out"
    store = ObjectStoreConfig.make_for_local(origin)
    options = UnpackOptions(out / "env", keep_archive=keep_archive)

    def fetch(sha256: str) -> None:
        request = ObjectDownloadRequest(
            "env.tar.gz", out / "env.tar.gz", unpack_options=options, sha256=sha256
        )
        download(request, store)

    with pytest.raises(PinMismatchError):
        fetch("0" * 64)
    assert list(out.iterdir()) == []
    fetch(right)
    fetch(right)

    assert (out / "env").is_dir()
    assert (out / "env.tar.gz").exists() == keep_archive


def test_a_web_server_that_names_no_checksum_is_read_twice_at_most(tmp_path: Path) -> None:
    body = put(tmp_path / "origin", "w.bin", 3 * MIB)
    with serving_folder(tmp_path / "origin") as url:
        store = ObjectStoreConfig.make_for_http(url)
        right = hashlib.sha256(body).hexdigest()
        with pytest.raises(PinMismatchError):
            download(
                ObjectDownloadRequest("w.bin", tmp_path / "out" / "w.bin", sha256="0" * 64), store
            )
        assert list((tmp_path / "out").iterdir()) == []
        report = download(
            ObjectDownloadRequest("w.bin", tmp_path / "out" / "w.bin", sha256=right), store
        )

    assert report.origin_bytes == len(body)


def test_a_bucket_whose_checksum_agrees_is_read_once(
    tmp_path: Path, s3_server: S3Server, bucket: str
) -> None:
    body = os.urandom(3 * MIB)
    s3_server.put(bucket, "w.bin", body)
    store = store_of(s3_server, bucket)
    wrong = ObjectDownloadRequest("w.bin", tmp_path / "w.bin", sha256="0" * 64)

    before = s3_server.sent_bytes(bucket)
    with pytest.raises(PinMismatchError):
        download(wrong, store, chunk_size_bytes=MIB)
    assert s3_server.sent_bytes(bucket) - before < 1.1 * len(body)
    right = ObjectDownloadRequest(
        "w.bin", tmp_path / "w.bin", sha256=hashlib.sha256(body).hexdigest()
    )
    download(right, store, chunk_size_bytes=MIB)

    assert (tmp_path / "w.bin").read_bytes() == body


def test_verify_compares_with_what_requests_name_and_have_named(tmp_path: Path) -> None:
    pinned = Pinned(tmp_path, 3 * MIB)
    right = hashlib.sha256(pinned.body).hexdigest()
    request = ObjectDownloadRequest("w.bin", pinned.path, sha256=right)
    wrong = ObjectDownloadRequest("w.bin", pinned.path, md5="0" * 32)
    pinned.download(sha256=right)

    assert verify(request).ok
    assert verify(request, pinned.store).ok
    for store in (None, pinned.store):
        (mismatch,) = verify(wrong, store).mismatches
        assert mismatch.problem == "checksum"
        assert "the request says 000" in mismatch.detail
    with pinned.path.open("r+b") as file:
        file.write(b"rotten")
    assert any("sha256 is" in wrong.detail for wrong in verify(request).mismatches)
