"""Configurations for the tests' S3 server, and a store that is wrong about its own bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

from web_servers import ANY_PORT, serving

from xfd_api.stores import ObjectStoreConfig
from xfd_testing.s3 import S3Server


def store_of(server: S3Server, bucket: str, **other: str) -> ObjectStoreConfig:
    """A bucket, with the owner's keys unless `other` says otherwise."""
    given = {
        "endpoint": server.endpoint,
        "access_key_id": server.owner.access_key_id,
        "secret_access_key": server.owner.secret_access_key,
        "region": server.region,
        **other,
    }
    return ObjectStoreConfig.make_for_s3(bucket, **given)  # type: ignore[arg-type]


@contextlib.contextmanager
def store_that_says(body: bytes, headers: Mapping[str, str]) -> Iterator[str]:
    """The endpoint of a store of one object, `set/k`, with headers that need not be true of it.

    As at AWS, a list has no checksum. An answer has it if the request asks for it without a range.
    """
    listed = (
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>set/k</Key>"
        f"<Size>{len(body)}</Size><ETag>{headers['ETag']}</ETag></Contents></ListBucketResult>"
    )

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, body: bytes, more: Mapping[str, str], status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in more.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            asks = self.headers.get("x-amz-checksum-mode") == "ENABLED"
            self.answer(body, headers if asks else {"ETag": headers["ETag"]})

        def do_GET(self) -> None:
            if "list-type" in self.path:
                self.answer(listed.encode(), {})
            elif wanted := self.headers.get("Range"):
                first, last = map(int, wanted.removeprefix("bytes=").split("-"))
                place = {"Content-Range": f"bytes {first}-{last}/{len(body)}"}
                self.answer(body[first : last + 1], {"ETag": headers["ETag"], **place}, 206)
            else:
                self.do_HEAD()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with serving(ThreadingHTTPServer(ANY_PORT, Handler)) as endpoint:
        yield endpoint


@contextlib.contextmanager
def store_with_keys(
    bodies: Mapping[str, bytes], claims: Mapping[str, int] | None = None
) -> Iterator[str]:
    """The endpoint of a store of any keys, also such as other servers refuse.

    Args:
        bodies: what is stored, by key.
        claims: sizes that the store lists, if they are not the true ones.
    """
    sizes = {key: len(body) for key, body in bodies.items()} | dict(claims or {})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def listed(self, prefix: str) -> bytes:
            contents = "".join(
                f"<Contents><Key>{quote(key)}</Key><Size>{sizes[key]}</Size>"
                f"<ETag>&quot;e&quot;</ETag></Contents>"
                for key in sorted(bodies)
                if key.startswith(prefix)
            )
            return (
                "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false"
                f"</IsTruncated>{contents}</ListBucketResult>"
            ).encode()

        def answer(self, status: int, body: bytes, size: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if size is None else size))
            self.send_header("ETag", '"e"')
            if status == 206:
                first = self.headers["Range"].removeprefix("bytes=").split("-")[0]
                last = int(first) + len(body) - 1
                self.send_header("Content-Range", f"bytes {first}-{last}/{self.total}")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            key = unquote(urlsplit(self.path).path).split("/", 2)[2]
            if key in bodies:
                self.answer(200, bodies[key], sizes[key])
            else:
                self.answer(404, b"")

        def do_GET(self) -> None:
            place = urlsplit(self.path)
            query = parse_qs(place.query)
            if "list-type" in query:
                self.answer(200, self.listed(query.get("prefix", [""])[0]))
                return
            body = bodies.get(unquote(place.path).split("/", 2)[2])
            if body is None:
                self.answer(404, b"")
            elif wanted := self.headers.get("Range"):
                first, last = map(int, wanted.removeprefix("bytes=").split("-"))
                self.total = len(body)
                self.answer(206, body[first : last + 1])
            else:
                self.answer(200, body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with serving(ThreadingHTTPServer(ANY_PORT, Handler)) as endpoint:
        yield endpoint
