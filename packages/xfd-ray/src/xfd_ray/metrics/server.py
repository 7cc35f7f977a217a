"""Serves a small WSGI application over HTTP, in one thread and to 64 connections at most.

A connection has one request. The oldest one is closed if there are too many, and each one that is
slow to ask or to read, so that no number of idle connections keeps a scrape waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""A WSGI application."""

CONNECTIONS = 64
HEAD_BYTES = 16 * 1024
HEAD_S = 3.0
"""A request has to arrive whole within this time."""
ANSWER_S = 10.0
"""The kernel has to accept the whole answer within this time."""
SHUTDOWN_S = 0.5


class MetricsServer:
    """Answers requests on a listening socket, in the thread that calls `serve_forever`.

    Args:
        listening: the socket, which is closed at the end.
        app: answers a GET at once; it is given nothing but path, query, and what is accepted.
    """

    def __init__(self, listening: socket.socket, app: Application) -> None:
        self._listening = listening
        self._app = app
        self._open: dict[asyncio.Task[None], None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._ended = threading.Event()

    def serve_forever(self) -> None:
        """Serves until `shutdown` is called."""
        try:
            asyncio.run(self._serve())
        finally:
            self._ready.set()
            self._ended.set()

    def shutdown(self) -> None:
        """Ends the server; blocks until it has ended, for a second at most."""
        self._ready.wait(SHUTDOWN_S)
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # The loop has ended already.
                self._loop.call_soon_threadsafe(self._stop.set)
        self._ended.wait(SHUTDOWN_S)

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._accept, sock=self._listening, limit=HEAD_BYTES)
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= CONNECTIONS:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.cancel()
        task = asyncio.get_running_loop().create_task(self._handle(reader, writer))
        self._open[task] = None
        task.add_done_callback(lambda task: self._open.pop(task, None))

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Reads one request, answers it and closes the connection."""
        try:
            answer = await asyncio.wait_for(self._respond(reader), HEAD_S)
            # Without a buffer, drain waits until the kernel has accepted everything.
            writer.transport.set_write_buffer_limits(0)
            writer.write(answer)
            await asyncio.wait_for(writer.drain(), ANSWER_S)
            writer.close()
        except (OSError, EOFError, asyncio.TimeoutError, asyncio.CancelledError):
            writer.transport.abort()

    async def _respond(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.LimitOverrunError:
            return _response("431 Request Header Fields Too Large")
        line, *fields = head.split("\r\n")
        parts = line.split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            return _response("400 Bad Request")
        if parts[0] not in ("GET", "HEAD"):
            return _response("405 Method Not Allowed", [("Allow", "GET, HEAD")])
        path, _, query = parts[1].partition("?")
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "QUERY_STRING": query,
        }
        for field in fields:
            name, _, value = field.partition(":")
            if name.lower() in ("accept", "accept-encoding"):
                environ[f"HTTP_{name.upper().replace('-', '_')}"] = value.strip()
        started: list[Any] = []
        body = b"".join(self._app(environ, lambda *start: started.extend(start)))
        status, headers = started[:2]
        return _response(status, headers, body, with_body=parts[0] == "GET")


def _response(
    status: str,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    with_body: bool = True,
) -> bytes:
    fields = [*headers, ("Content-Length", str(len(body))), ("Connection", "close")]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    answer = f"HTTP/1.1 {status}\r\n{head}\r\n".encode("latin-1")
    return answer + body if with_body else answer
