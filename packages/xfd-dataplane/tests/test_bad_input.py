"""Bad input on one host: a named error that says what and where, and a disk left as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from s3_stores import store_of

from xfd_api import errors
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, UnpackOptions
from xfd_api.settings import UnpackCaps
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download
from xfd_testing import artifacts
from xfd_testing.processes import free_ports
from xfd_testing.s3 import S3Server


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder with a file in it that no failed download may touch."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "file").write_bytes(b"old")
    return folder


@pytest.fixture
def store(s3_server: S3Server, bucket: str) -> ObjectStoreConfig:
    return store_of(s3_server, bucket)


def request(uri: str, destination: Path, unpack: Path | None = None) -> list[DownloadRequest]:
    options = None if unpack is None else UnpackOptions(unpack)
    return [DownloadRequest(ObjectDownloadRequest(uri, destination, unpack_options=options))]


def assert_untouched(out: Path) -> None:
    assert (out / "file").read_bytes() == b"old"
    assert [path.name for path in out.rglob("*")] == ["file"]


def test_a_missing_object(store: ObjectStoreConfig, out: Path) -> None:
    with pytest.raises(errors.ObjectNotFoundError) as caught:
        download(request("models/none.bin", out / "file"), store)

    assert "models/none.bin" in str(caught.value)
    assert isinstance(caught.value, FileNotFoundError)
    assert_untouched(out)


def test_a_missing_bucket(s3_server: S3Server, out: Path) -> None:
    with pytest.raises(errors.ObjectNotFoundError):
        download(request("k", out / "file"), store_of(s3_server, "no-such-bucket"))

    assert_untouched(out)


@pytest.mark.parametrize(
    "wrong", [{"secret_access_key": "wrong-secret"}, {"access_key_id": "nobody"}]
)
def test_a_wrong_key(s3_server: S3Server, bucket: str, out: Path, wrong: dict[str, str]) -> None:
    s3_server.put(bucket, "k", b"x")

    with pytest.raises(errors.AccessDeniedError) as caught:
        download(request("k", out / "file"), store_of(s3_server, bucket, **wrong))

    assert isinstance(caught.value, PermissionError)
    assert "wrong-secret" not in str(caught.value)
    assert_untouched(out)


def test_no_credentials_anywhere(s3_server: S3Server, bucket: str, out: Path) -> None:
    store = ObjectStoreConfig.make_for_s3(bucket, s3_server.endpoint, region=s3_server.region)

    with pytest.raises(errors.CredentialsError):
        download(request("k", out / "file"), store)

    assert_untouched(out)


def test_an_unreachable_endpoint(s3_server: S3Server, bucket: str, out: Path) -> None:
    (port,) = free_ports(1)
    store = store_of(s3_server, bucket, endpoint=f"http://127.0.0.1:{port}")

    with pytest.raises(errors.OriginUnreachableError) as caught:
        download(request("k", out / "file"), store, attempts=2)

    assert isinstance(caught.value, ConnectionError)
    assert_untouched(out)


def test_an_unwritable_destination(store: ObjectStoreConfig, s3_server: S3Server) -> None:
    assert store.bucket is not None
    s3_server.put(store.bucket, "k", b"x")
    place = Path("/sys/xfd-test/file")

    with pytest.raises(errors.DestinationNotWritableError) as caught:
        download(request("k", place), store)

    assert "/sys" in str(caught.value.path)
    assert s3_server.sent_bytes(store.bucket) == 0


def test_a_folder_in_the_way(store: ObjectStoreConfig, s3_server: S3Server, out: Path) -> None:
    assert store.bucket is not None
    s3_server.put(store.bucket, "k", b"x")

    with pytest.raises(errors.XfdError) as caught:
        download(request("k", out), store)

    assert caught.value.path == str(out)
    assert_untouched(out)


def test_an_archive_that_is_none(store: ObjectStoreConfig, s3_server: S3Server, out: Path) -> None:
    assert store.bucket is not None
    s3_server.put(store.bucket, "env.tar.gz", b"this is no archive" * 1000)

    with pytest.raises(errors.ArchiveCorruptError) as caught:
        download(request("env.tar.gz", out / "env.tar.gz", out / "env"), store)

    assert caught.value.object == "env.tar.gz"
    assert_untouched(out)


def test_an_archive_of_no_known_format(store: ObjectStoreConfig, out: Path) -> None:
    with pytest.raises(errors.UnknownArchiveError):
        download(request("env.rar", out / "env.rar", out / "env"), store)

    assert_untouched(out)


def test_a_tree_that_is_not_ours(store: ObjectStoreConfig, s3_server: S3Server, out: Path) -> None:
    assert store.bucket is not None
    s3_server.put(store.bucket, "env.tar", b"\0" * 10240)

    with pytest.raises(errors.DestinationNotEmptyError) as caught:
        download(request("env.tar", out.parent / "env.tar", out), store)

    assert caught.value.path == str(out)
    assert s3_server.sent_bytes(store.bucket) == 0
    assert_untouched(out)


def test_an_archive_beyond_its_caps(
    store: ObjectStoreConfig, s3_server: S3Server, out: Path, tmp_path: Path
) -> None:
    assert store.bucket is not None
    archive = artifacts.tar_gz(tmp_path / "env.tar.gz", artifacts.environment(50))
    s3_server.upload(store.bucket, "env.tar.gz", archive)

    with pytest.raises(errors.ArchiveTooLargeError):
        download(
            request("env.tar.gz", out / "env.tar.gz", out / "env"),
            store,
            unpack_caps=UnpackCaps(max_entries=10),
        )

    assert_untouched(out)


def test_a_disk_that_is_too_small(tmp_path: Path, out: Path) -> None:
    origin = tmp_path / "origin"
    origin.mkdir()
    with (origin / "huge").open("wb") as file:
        file.truncate(2**43)

    with pytest.raises(errors.DiskFullError) as caught:
        download(request("huge", out / "file"), ObjectStoreConfig.make_for_local(origin))

    assert "free" in str(caught.value).lower()
    assert_untouched(out)


@pytest.mark.parametrize("uri", ["../secret", "a/../../secret", "s3://bucket/../x"])
def test_a_uri_that_climbs_out(store: ObjectStoreConfig, out: Path, uri: str) -> None:
    with pytest.raises(errors.UnsafePathError) as caught:
        download(request(uri, out / "file"), store)

    assert caught.value.object == uri
    assert_untouched(out)


def test_two_objects_in_each_others_way(
    store: ObjectStoreConfig, out: Path, s3_server: S3Server
) -> None:
    with pytest.raises(errors.DestinationConflictError):
        download(
            [*request("a", out / "new"), *request("b", out / "new" / "below")],
            _with(store, s3_server, "a", "b"),
        )

    assert_untouched(out)


def _with(store: ObjectStoreConfig, server: S3Server, *keys: str) -> ObjectStoreConfig:
    assert store.bucket is not None
    for key in keys:
        server.put(store.bucket, key, b"x")
    return store
