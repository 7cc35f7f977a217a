"""A web server that shows a folder's files, with ETags and ranges, to who has the token."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from web_servers import ANY_PORT, Replies, serving


@contextlib.contextmanager
def web_folder(folder: Path, bearer: str) -> Iterator[str]:
    """A running server; its URL with a slash at the end."""

    class Handler(Replies, BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            path = folder / unquote(self.path).lstrip("/")
            if self.headers.get("Authorization") != f"Bearer {bearer}":
                self.reply(403)
            elif not path.is_file():
                self.reply(404)
            else:
                self.answer(path.read_bytes())

        def do_GET(self) -> None:
            self.do_HEAD()

        def answer(self, body: bytes) -> None:
            etag = f'"{hashlib.sha1(body).hexdigest()}"'
            if self.headers.get("If-Match", etag) != etag:
                self.reply(412)
                return
            span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if span is None or not body:
                self.reply(200, body, ETag=etag, Accept_Ranges="bytes")
                return
            first, last = int(span[1]), min(int(span[2]), len(body) - 1)
            place = f"bytes {first}-{last}/{len(body)}"
            self.reply(206, body[first : last + 1], ETag=etag, Content_Range=place)

    with serving(ThreadingHTTPServer(ANY_PORT, Handler)) as url:
        yield f"{url}/"
