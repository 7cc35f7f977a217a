"""An HTTP proxy that misbehaves by a rule, in front of a real server, and notes all requests.

    with faulty_proxy(server.endpoint) as store:
        store.rule = lambda request: Refuse(503, "SlowDown") if request.number % 3 == 0 else None

The server is a store or the peer server of a node. Signatures and tokens stay valid, because a
request is passed on as it came. What can go wrong is in `xfd_testing.faults`.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
import threading
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from xfd_testing.faults import (
    Alter,
    Answered,
    Break,
    Fault,
    Hang,
    HttpRequest,
    Refuse,
    field_of,
    spoiled,
)
from xfd_testing.processes import free_ports

HOST = "127.0.0.1"
PIECE_BYTES = 256 * 1024
LONGEST_HEAD = 64 * 1024

Rule = Callable[[HttpRequest], Fault | None]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def no_fault(request: HttpRequest) -> Fault | None:
    """The rule of a proxy that is well."""
    del request
    return None


class FaultyProxy:
    """See the module. Use `faulty_proxy`.

    Attributes:
        endpoint: its URL.
        rule: says what happens to a request; None for nothing. May be replaced at any time.
        requests: all that arrived so far, in their order.
        sent_bytes: of bodies of GETs, so far.
        opened: when each connection was accepted, by `time.monotonic`.
    """

    def __init__(self, endpoint: str) -> None:
        behind = urllib.parse.urlsplit(endpoint)
        self._behind = (behind.hostname or "", behind.port or 80)
        self._port = free_ports(1)[0]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faulty", daemon=True)
        self._thread.start()
        self._listening: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._numbers = itertools.count()
        self.endpoint = f"http://{HOST}:{self._port}"
        self.rule: Rule = no_fault
        self.requests: list[HttpRequest] = []
        self.opened: list[float] = []
        self.sent_bytes = 0

    def go(self) -> None:
        """Is gone: connections are reset, and new ones refused, until `come_back`."""
        self._run(self._go())

    def come_back(self) -> None:
        """Takes connections (again)."""
        self._run(self._come_back())

    def close(self) -> None:
        """Ends all connections, and the thread."""
        self.go()
        self._run(_end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def requests_between(self, since: float, until: float) -> int:
        """How many requests arrived between two times of `time.monotonic`."""
        return sum(since <= each.at < until for each in self.requests)

    def _run(self, what: Awaitable[None]) -> None:
        asyncio.run_coroutine_threadsafe(_awaited(what), self._loop).result(30)

    async def _go(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for client in self._clients:
            reset(client)

    async def _come_back(self) -> None:
        self._listening = await asyncio.start_server(
            self._take, HOST, self._port, limit=LONGEST_HEAD, backlog=1024
        )

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened.append(time.monotonic())
        self._clients.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            server = await asyncio.open_connection(*self._behind, limit=LONGEST_HEAD)
            try:
                while await self._serve((reader, writer), server):
                    pass
            finally:
                server[1].close()
        self._clients.discard(writer)
        writer.close()

    async def _serve(self, client: Streams, server: Streams) -> bool:
        """Serves one request; whether the connection can have another one."""
        reader, writer = client
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        request = HttpRequest(next(self._numbers), time.monotonic(), method, target)
        self.requests.append(request)
        fault = self.rule(request)
        if isinstance(fault, Refuse):
            writer.write(fault.answer(method))
            await writer.drain()
            return True
        if isinstance(fault, Break) and fault.after is None:
            reset(writer)
            return False
        if isinstance(fault, Hang) and fault.after is None:
            await reader.read()  # Until the client leaves.
            return False
        server[1].write(head)
        return await self._answer(method, fault, client, server[0])

    async def _answer(
        self, method: str, fault: Fault | None, client: Streams, server: asyncio.StreamReader
    ) -> bool:
        head = await server.readuntil(b"\r\n\r\n")
        reader, writer = client
        if method != "GET":
            writer.write(head if fault is None else spoiled(fault, head, None).head)
            return True
        is_chunked = field_of(head, b"transfer-encoding") == b"chunked"
        length = None if is_chunked else int(field_of(head, b"content-length") or 0)
        answered = spoiled(fault, head, length)
        writer.write(answered.head)
        trailer = await self._pass(answered, length, server, writer)
        if answered.ends is Break:
            reset(writer)
            return False
        if answered.ends is Hang:
            await reader.read()
            return False
        if trailer is not None:
            trailer = fault.change(trailer) if isinstance(fault, Alter) else trailer
            writer.write(b"0\r\n" + trailer)
            await writer.drain()
        return answered.end == length  # Else bytes of this answer are still to come from there.

    async def _pass(
        self,
        answered: Answered,
        length: int | None,
        server: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bytes | None:
        """Passes a body on, as the fault makes it; its trailer, if it has that framing.

        Each of `length` and what `answered` says is None for the chunked transfer coding.
        """
        trailer, at = b"\r\n", 0
        while True:
            piece = b""
            if length is None:
                piece, end = await _chunk(server)
                trailer = end or trailer
            elif at < length:
                piece = await server.read(min(length - at, PIECE_BYTES))
            at += len(piece)
            for sent, pause_s in answered.pieces(piece, at - len(piece)):
                writer.write(sent if not answered.is_chunked else _framed(sent))
                self.sent_bytes += len(sent)
                await writer.drain()
                await asyncio.sleep(pause_s)
            if not piece or (answered.end is not None and at >= answered.end):
                return trailer if answered.is_chunked else None


@contextmanager
def faulty_proxy(endpoint: str) -> Iterator[FaultyProxy]:
    """A proxy in front of the server at `endpoint`, for the length of a block."""
    proxy = FaultyProxy(endpoint)
    try:
        proxy.come_back()
        yield proxy
    finally:
        proxy.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection by a reset instead of an orderly end."""
    ends = writer.get_extra_info("socket")
    if ends is not None and not writer.is_closing():
        ends.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _framed(piece: bytes) -> bytes:
    return f"{len(piece):x}\r\n".encode() + piece + b"\r\n" if piece else b""


async def _chunk(server: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The next chunk of the chunked transfer coding; after the last one, nothing and its trailer.

    A body that ends without its terminator raises `IncompleteReadError`.
    """
    size = int((await server.readuntil(b"\r\n")).split(b";")[0], 16)
    if size:
        return (await server.readexactly(size + 2))[:-2], b""
    trailer = b""
    while not trailer.endswith(b"\r\n\r\n") and trailer != b"\r\n":
        trailer += await server.readuntil(b"\r\n")
    return b"", trailer


async def _awaited(what: Awaitable[None]) -> None:
    await what


async def _end_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
