"""Stores whose answers do not hold what their HEAD or list said: an error that says so, for S3 and
a web server, one object, one of several chunks and a prefix of small ones; and nothing lands."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from asked_store import Asked, asked_store

from xfd_api.errors import OriginAnswerError, OriginTimeoutError, XfdError
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, PrefixDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download

SIZE = 4_718_592
BYTES = bytes(range(256)) * (SIZE // 256)
SMALL = 18
ZIPPED = gzip.compress(b"0123456789" * 100)

Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def store() -> Iterator[Asked]:
    with asked_store() as server:
        yield server


def begin(handler: BaseHTTPRequestHandler, status: int, **headers: object) -> None:
    handler.send_response(status)
    handler.send_header("ETag", '"one"')
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()
    handler.close_connection = "Content_Length" not in headers


def listing(handler: BaseHTTPRequestHandler) -> None:
    """Three small objects, whatever is asked for."""
    one = f'<Contents><Key>small/%d</Key><Size>{SMALL}</Size><ETag>"one"</ETag></Contents>'
    page = "".join(one % number for number in range(3))
    page = f"<ListBucketResult><IsTruncated>false</IsTruncated>{page}</ListBucketResult>"
    begin(handler, 200, Content_Length=len(page))
    handler.wfile.write(page.encode())


def answers(store: Asked, get: Answer, *, size: int = SIZE) -> None:
    """HEAD and list are right, GET answers what the test says."""

    def answer(handler: BaseHTTPRequestHandler) -> bool:
        if handler.command == "HEAD":
            begin(handler, 200, Content_Length=size)
        elif "list-type=2" in handler.path:
            listing(handler)
        else:
            try:
                get(handler)
            except OSError:
                handler.close_connection = True  # the client has heard enough
        return True

    store.answer = answer  # type: ignore[assignment]


def asked_range(handler: BaseHTTPRequestHandler, size: int) -> tuple[int, int]:
    asked = handler.headers.get("Range")
    if asked is None:
        return 0, size - 1
    first, last = asked.removeprefix("bytes=").split("-")
    return int(first), int(last)


def of_twice_the_size(handler: BaseHTTPRequestHandler) -> None:
    first, last = asked_range(handler, SMALL if "small" in handler.path else SIZE)
    total = 2 * (SMALL if "small" in handler.path else SIZE)
    if handler.headers.get("Range") is None:
        begin(handler, 200, Content_Length=total)
        last = total - 1
    else:
        begin(
            handler,
            206,
            Content_Length=last + 1 - first,
            Content_Range=f"bytes {first}-{last}/{total}",
        )
    handler.wfile.write(bytes(last + 1 - first))


def page_of_61_bytes(handler: BaseHTTPRequestHandler) -> None:
    begin(handler, 200, Content_Length=61)
    handler.wfile.write(b"<html>Sorry</html>".ljust(61))


def without_end(handler: BaseHTTPRequestHandler) -> None:
    begin(handler, 200)
    while True:
        handler.wfile.write(bytes(65_536))


def config_of(store: Asked, kind: str) -> ObjectStoreConfig:
    if kind == "https":
        return ObjectStoreConfig.make_for_http(store.url)
    return ObjectStoreConfig.make_for_s3(
        "bucket", endpoint=store.url, access_key_id="id", secret_access_key="secret"
    )


def fetch(store: Asked, kind: str, what: str, to: Path, **more: object) -> None:
    value: ObjectDownloadRequest | PrefixDownloadRequest
    if what == "pack":
        value = PrefixDownloadRequest("small", str(to / "small"))
    else:
        value = ObjectDownloadRequest("large", str(to / "large"))
    chunk = 2**20 if what == "chunks" else None
    download([DownloadRequest(value)], config_of(store, kind), chunk_size_bytes=chunk, **more)  # type: ignore[arg-type]


WHAT = [
    ("s3", "object"),
    ("s3", "chunks"),
    ("s3", "pack"),
    ("https", "object"),
    ("https", "chunks"),
]


@pytest.mark.parametrize(("kind", "what"), WHAT)
@pytest.mark.parametrize(
    ("get", "size"),
    [(of_twice_the_size, None), (page_of_61_bytes, 61), (without_end, 0)],
    ids=["twice the size", "an error page", "a body without end"],
)
def test_another_size_than_was_found_is_an_error_that_names_both(
    store: Asked, tmp_path: Path, kind: str, what: str, get: Answer, size: int | None
) -> None:
    answers(store, get)
    found = SMALL if what == "pack" else SIZE
    began = time.monotonic()

    with pytest.raises(OriginAnswerError) as raised:
        fetch(store, kind, what, tmp_path)

    text = str(raised.value)
    assert time.monotonic() - began < 20
    assert ("small/" if what == "pack" else "large") in text
    if size != 0:
        assert str(found) in text
        assert str(size or 2 * found) in text
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and "/." not in str(path)]


@pytest.mark.parametrize("kind", ["s3", "https"])
def test_an_encoded_object_is_fetched_as_it_is_stored(
    store: Asked, tmp_path: Path, kind: str
) -> None:
    def get(handler: BaseHTTPRequestHandler) -> None:
        begin(handler, 200, Content_Length=len(ZIPPED), Content_Encoding="gzip")
        handler.wfile.write(ZIPPED)

    answers(store, get, size=len(ZIPPED))
    fetch(store, kind, "object", tmp_path)
    assert (tmp_path / "large").read_bytes() == ZIPPED


@pytest.mark.parametrize("kind", ["s3", "https"])
def test_an_object_that_is_decoded_on_the_way_is_an_error(
    store: Asked, tmp_path: Path, kind: str
) -> None:
    def get(handler: BaseHTTPRequestHandler) -> None:
        begin(handler, 200, Content_Encoding="identity")
        handler.wfile.write(gzip.decompress(ZIPPED))

    answers(store, get, size=len(ZIPPED))
    with pytest.raises(OriginAnswerError, match=f"goes on after {len(ZIPPED)} bytes"):
        fetch(store, kind, "object", tmp_path)


@pytest.mark.parametrize("asked", ["1", "-1", "soon", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_store_that_asks_for_time_gets_what_it_can_mean(
    store: Asked, tmp_path: Path, asked: str
) -> None:
    """That a wait without end is cut, the tests of what parses it say: it would be 30 s here."""
    asked_at: list[float] = []

    def get(handler: BaseHTTPRequestHandler) -> None:
        asked_at.append(time.monotonic())
        if len(asked_at) == 1:
            begin(handler, 503, Content_Length=0, Retry_After=asked)
            return
        begin(handler, 200, Content_Length=SIZE)
        handler.wfile.write(BYTES)

    answers(store, get)
    fetch(store, "https", "object", tmp_path)
    assert asked_at[1] - asked_at[0] < 5
    assert (tmp_path / "large").read_bytes() == BYTES


@pytest.mark.parametrize("what", ["object", "pack"])
def test_a_byte_a_second_holds_nothing(store: Asked, tmp_path: Path, what: str) -> None:
    def get(handler: BaseHTTPRequestHandler) -> None:
        begin(handler, 200, Content_Length=SMALL if what == "pack" else SIZE)
        while True:
            time.sleep(0.05)
            handler.wfile.write(b"x")
            if what == "pack":
                time.sleep(0.3)

    answers(store, get)
    with pytest.raises(OriginTimeoutError):
        fetch(store, "s3", what, tmp_path, read_timeout_s=0.6, attempts=2)


def test_a_list_that_never_ends_is_an_error(store: Asked, tmp_path: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> bool:
        begin(handler, 200)
        try:
            handler.wfile.write(b"<ListBucketResult>")
            while True:
                handler.wfile.write(b"<Contents><Key>small/k</Key></Contents>" * 1000)
        except OSError:
            return True

    store.answer = answer  # type: ignore[assignment]
    with pytest.raises(XfdError, match="goes on after 8388608 bytes"):
        fetch(store, "s3", "pack", tmp_path)
