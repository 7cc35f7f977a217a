"""`download` from S3: whose keys, which bucket, and an object that changes on the way."""

from __future__ import annotations

import base64
import contextlib
from pathlib import Path

import pytest
from s3_stores import store_of, store_that_says

from xfd_api.errors import (
    AccessDeniedError,
    ChecksumMismatchError,
    ObjectChangedError,
    UnknownProfileError,
)
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.progress import Progress
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, PrefixDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download, list_objects
from xfd_dataplane._native import checksums
from xfd_testing import artifacts
from xfd_testing.s3 import S3Server

MIB = 2**20


def request(uri: str, destination: Path, profile: str | None = None) -> DownloadRequest:
    return DownloadRequest(ObjectDownloadRequest(uri, destination, profile_name=profile))


def test_two_profiles_in_one_call_read_with_their_own_keys(
    s3_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    s3_server.put(bucket, "k", b"mine")
    good, bad = store_of(s3_server, bucket), store_of(s3_server, bucket, access_key_id="nobody")

    report = download(
        [request("k", tmp_path / "a", "one"), request("k", tmp_path / "b", "two")],
        ObjectStoreConfigByProfile({"one": good, "two": good}),
    )
    with pytest.raises(AccessDeniedError):
        download(
            [request("k", tmp_path / "c", "one"), request("k", tmp_path / "d", "two")],
            ObjectStoreConfigByProfile({"one": good, "two": bad}),
        )

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == b"mine"
    assert report.origin_bytes == 8
    assert not (tmp_path / "c").exists()


def test_an_unknown_profile_is_refused_before_the_store_is_asked(
    s3_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    with pytest.raises(UnknownProfileError):
        download([request("k", tmp_path / "k", "none")], store_of(s3_server, bucket))

    assert s3_server.requests(bucket, "GET") == 0


def test_a_whole_uri_names_another_bucket(s3_server: S3Server, bucket: str, tmp_path: Path) -> None:
    s3_server.make_bucket(f"{bucket}-other")
    s3_server.put(f"{bucket}-other", "k", b"there")

    download([request(f"s3://{bucket}-other/k", tmp_path / "k")], store_of(s3_server, bucket))

    assert (tmp_path / "k").read_bytes() == b"there"


def test_the_environment_is_enough(
    s3_server: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_server.put(bucket, "k", b"x")
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)

    found = list_objects("", ObjectStoreConfig.make_for_s3(bucket))

    assert [each.key for each in found] == ["k"]


def test_an_object_overwritten_on_the_way_is_never_mixed(
    s3_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    old = artifacts.weights_file(tmp_path / "old", 8 * MIB, seed=1)
    new = artifacts.weights_file(tmp_path / "new", 8 * MIB, seed=2)
    out = tmp_path / "out"
    s3_server.upload(bucket, "w.bin", old)
    overwritten = False

    def overwrite(now: Progress) -> None:
        nonlocal overwritten
        if now.done_bytes > MIB and not overwritten:
            overwritten = True
            s3_server.upload(bucket, "w.bin", new)

    with pytest.raises(ObjectChangedError) as caught:
        download(
            [request("w.bin", out / "w.bin")],
            store_of(s3_server, bucket),
            chunk_size_bytes=MIB // 2,
            node_parallelism=2,
            origin_bytes_per_s=4 * MIB,
            on_progress=overwrite,
        )

    assert caught.value.object is not None
    assert "w.bin" in caught.value.object
    assert list(out.rglob("*")) == [], "nothing of the old one is kept"

    download([request("w.bin", out / "w.bin")], store_of(s3_server, bucket))
    assert artifacts.sha256(out / "w.bin") == artifacts.sha256(new)


@pytest.mark.parametrize("size", [1000, 3 * MIB], ids=["small", "of several chunks"])
@pytest.mark.parametrize("is_right", [True, False])
def test_an_object_of_a_prefix_is_held_to_the_checksum_that_its_store_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, is_right: bool
) -> None:
    monkeypatch.setattr("xfd_dataplane.download_state.FIRST_REST_S", 0.1)
    body = bytes(number % 251 for number in range(size))
    file = tmp_path / "file"
    file.write_bytes(body)
    _, (crc,), _ = checksums(str(file), [size], [])
    if not is_right:
        crc ^= 1
    encoded = base64.b64encode(crc.to_bytes(8, "big")).decode()
    headers = {"ETag": '"one"', "x-amz-checksum-crc64nvme": encoded}

    with store_that_says(body, headers) as endpoint:
        store = ObjectStoreConfig.make_for_s3(
            "bucket", endpoint=endpoint, access_key_id="id", secret_access_key="key"
        )
        wanted = [DownloadRequest(PrefixDownloadRequest("set", tmp_path / "out"))]
        expected = contextlib.nullcontext() if is_right else pytest.raises(ChecksumMismatchError)
        with expected:
            download(wanted, store, chunk_size_bytes=MIB, durability="none")

    assert (tmp_path / "out" / "k").exists() == is_right
