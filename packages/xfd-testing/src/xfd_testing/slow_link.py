"""A slow link to a server: a TCP proxy that lets so many bytes a second through to its clients."""

from __future__ import annotations

import asyncio
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager

PIECE_BYTES = 64 * 1024


@contextmanager
def slow_link(endpoint: str, bytes_per_s: float) -> Iterator[str]:
    """An endpoint whose connections share the rate of one link."""
    server = urllib.parse.urlsplit(endpoint)
    loop = asyncio.new_event_loop()
    link = _Link(server.hostname or "", server.port or 80, bytes_per_s)
    listening = loop.run_until_complete(asyncio.start_server(link.take, "127.0.0.1", 0))
    port = listening.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, name="slow-link", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        listening.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


class _Link:
    def __init__(self, host: str, port: int, bytes_per_s: float) -> None:
        self._host = host
        self._port = port
        self._bytes_per_s = bytes_per_s
        self._free_at = 0.0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until either side ends."""
        try:
            theirs, ours = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.close()
            return
        both = [
            asyncio.create_task(self._carry(reader, ours, limited=False)),
            asyncio.create_task(self._carry(theirs, writer, limited=True)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            for end in (ours, writer):
                end.close()

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, limited: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            while piece := await source.read(PIECE_BYTES):
                if limited:
                    begin = max(self._free_at, loop.time())
                    self._free_at = begin + len(piece) / self._bytes_per_s
                    await asyncio.sleep(self._free_at - loop.time())
                sink.write(piece)
                await sink.drain()
        except OSError:
            return  # An end is gone; the other is closed by the caller.
