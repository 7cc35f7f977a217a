"""Objects that are encrypted with a key of their owner (SSE-C), on a real S3 server."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from s3_stores import store_of

from xfd_api.errors import AccessDeniedError, InvalidRequestError
from xfd_api.requests import ObjectDownloadRequest, PrefixDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download
from xfd_testing.s3 import S3Server

MIB = 2**20
KEY = os.urandom(32)


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


@pytest.fixture
def bodies(s3_server: S3Server, bucket: str) -> dict[str, bytes]:
    """A large object, and so many small ones that most are read without the SDK."""
    bodies = {"w.bin": os.urandom(5 * MIB + 7)}
    bodies |= {f"p/{number:02}": os.urandom(1000 + number) for number in range(40)}
    for key, body in bodies.items():
        s3_server.client.put_object(
            Bucket=bucket, Key=key, Body=body, SSECustomerAlgorithm="AES256", SSECustomerKey=KEY
        )
    return bodies


def test_objects_and_prefixes_are_read_with_their_key(
    tmp_path: Path, s3_server: S3Server, bucket: str, bodies: dict[str, bytes]
) -> None:
    store = store_of(s3_server, bucket, sse_customer_key=encoded(KEY))

    for chunk_size in (MIB, None):
        out = tmp_path / str(chunk_size)
        requests = [
            ObjectDownloadRequest("w.bin", out / "w.bin"),
            PrefixDownloadRequest("p/", out / "p"),
        ]
        download(requests, store, chunk_size_bytes=chunk_size)

        for key, body in bodies.items():
            assert (out / key).read_bytes() == body
    assert encoded(KEY) not in repr(store)


@pytest.mark.parametrize("request_of", [ObjectDownloadRequest, PrefixDownloadRequest])
@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        (None, "give sse_customer_key in make_for_s3"),
        (b"x" * 32, "Check that sse_customer_key is the object's key"),
    ],
)
def test_a_missing_and_a_wrong_key_are_named(
    tmp_path: Path,
    s3_server: S3Server,
    bucket: str,
    bodies: dict[str, bytes],
    key: bytes | None,
    remedy: str,
    request_of: type[ObjectDownloadRequest] | type[PrefixDownloadRequest],
) -> None:
    more = {} if key is None else {"sse_customer_key": encoded(key)}
    store = store_of(s3_server, bucket, **more)
    uri = "w.bin" if request_of is ObjectDownloadRequest else "p/"

    with pytest.raises(AccessDeniedError) as caught:
        download(request_of(uri, tmp_path / "out"), store)

    assert remedy in str(caught.value)
    assert encoded(b"x" * 32) not in str(caught.value)
    assert not list(tmp_path.rglob("*.xfd-part"))


def test_a_key_is_not_sent_where_others_could_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://store.example")
    store = ObjectStoreConfig.make_for_s3("bucket", sse_customer_key=encoded(KEY))

    with pytest.raises(InvalidRequestError, match="would be sent unencrypted"):
        download(ObjectDownloadRequest("w.bin", tmp_path / "w.bin"), store)


@pytest.mark.parametrize("key", ["", "AAAA", encoded(b"x" * 31), "x" * 44])
def test_a_malformed_key_is_refused_at_once(key: str) -> None:
    with pytest.raises(InvalidRequestError, match="32 bytes in base64"):
        ObjectStoreConfig.make_for_s3("bucket", sse_customer_key=key)
