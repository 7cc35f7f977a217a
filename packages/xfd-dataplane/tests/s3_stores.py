"""Configurations for the tests' S3 server, and a store that is wrong about its own bytes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness.s3 import S3Server
from xfd_api.stores import ObjectStoreConfig


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
def store_with_wrong_md5(body: bytes) -> Iterator[str]:
    """The endpoint of a store with these bytes under every key, and the ETag of others."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.send_response(200)
            self.send_header("ETag", f'"{"0" * 32}"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
