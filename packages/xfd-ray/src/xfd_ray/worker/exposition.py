"""What a scrape of a node answers. Loaded with prometheus_client at the first one, not before.

| metric | what it counts |
|---|---|
| `xfd_bytes_total{source}` | bytes received from `origin` and `peer`, or found in `cache` |
| `xfd_chunks_total{source}` | chunks received from `origin` and `peer` |
| `xfd_served_bytes_total`, `xfd_served_chunks_total` | what was served to peers |
| `xfd_written_bytes_total` | bytes written to files |
| `xfd_objects_total{state}` | whole objects: `landed` after a download, or found in `cache` |
| `xfd_active_transfers{kind}` | now running: `origin`, `peer`, `served`, `unpack` |
| `xfd_origin_requests_total{outcome}` | requests to the origin: `answered`, or `failed` |
| `xfd_retries_total` | requests asked again |
| `xfd_verification_failures_total` | chunks whose bytes were wrong |
| `xfd_unpacked_entries_total`, `xfd_unpacked_bytes_total` | what came out of archives |
| `xfd_transfer_seconds{source}` | time from a chunk's first byte to its last |

What is received of a chunk that is begun again, from a better source for one, counts as bytes each
time; as a chunk it counts once.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from xfd_api.reports import NodeCounters

if TYPE_CHECKING:
    from xfd_ray.worker.metrics import TransferTimes

CONNECTIONS = 64
HEAD_BYTES = 16 * 1024
HEAD_S = 3.0
"""For a whole request."""
ANSWER_S = 10.0
"""For its answer, until the kernel has it."""
SHUTDOWN_S = 0.5

Read = Callable[[NodeCounters], int]
COUNTERS: tuple[tuple[str, str, str | None, tuple[tuple[str, Read], ...]], ...] = (
    (
        "xfd_bytes",
        "Bytes received, or found in the cache",
        "source",
        (
            ("origin", attrgetter("origin_bytes")),
            ("peer", attrgetter("peer_bytes")),
            ("cache", attrgetter("cached_bytes")),
        ),
    ),
    (
        "xfd_chunks",
        "Chunks received",
        "source",
        (("origin", attrgetter("chunks_from_origin")), ("peer", attrgetter("chunks_from_peers"))),
    ),
    (
        "xfd_objects",
        "Objects whole at their destination",
        "state",
        (("landed", attrgetter("objects_landed")), ("cache", attrgetter("objects_cached"))),
    ),
    (
        "xfd_origin_requests",
        "Requests to the origin",
        "outcome",
        (
            ("answered", lambda now: now.origin_requests - now.origin_failures),
            ("failed", attrgetter("origin_failures")),
        ),
    ),
    ("xfd_served_bytes", "Bytes served to peers", None, (("", attrgetter("served_bytes")),)),
    ("xfd_served_chunks", "Chunks served to peers", None, (("", attrgetter("chunks_served")),)),
    ("xfd_written_bytes", "Bytes written to files", None, (("", attrgetter("written_bytes")),)),
    ("xfd_retries", "Requests asked again", None, (("", attrgetter("retries")),)),
    (
        "xfd_verification_failures",
        "Chunks whose bytes were wrong",
        None,
        (("", attrgetter("verification_failures")),),
    ),
    ("xfd_unpacked_entries", "Entries of archives", None, (("", attrgetter("unpacked_entries")),)),
    ("xfd_unpacked_bytes", "Bytes out of archives", None, (("", attrgetter("unpacked_bytes")),)),
)

ACTIVE = (
    ("origin", "active_origin"),
    ("peer", "active_peer"),
    ("served", "active_served"),
    ("unpack", "active_unpacks"),
)


class NodeCollector(Collector):
    """Metrics out of what is counted anyway, read when they are scraped."""

    def __init__(self, counters: Callable[[], NodeCounters], times: TransferTimes) -> None:
        self._counters = counters
        self._times = times

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        now = self._counters()
        for name, text, label, fields in COUNTERS:
            family = CounterMetricFamily(name, text, labels=[label] if label else [])
            for value, read in fields:
                family.add_metric([value] if label else [], read(now))
            yield family
        active = GaugeMetricFamily("xfd_active_transfers", "Now running", labels=["kind"])
        for kind, attribute in ACTIVE:
            active.add_metric([kind], getattr(now, attribute))
        yield active
        seconds = HistogramMetricFamily(
            "xfd_transfer_seconds", "From a chunk's first byte to its last", labels=["source"]
        )
        for source, (buckets, total) in self._times.read().items():
            seconds.add_metric([source], buckets, total)
        yield seconds


class MetricsServer:
    """Answers scrapes at a socket that listens already, in the thread that runs it."""

    def __init__(self, listening: socket.socket, collector: Collector) -> None:
        self._listening = listening
        registry = CollectorRegistry(auto_describe=True)
        registry.register(collector)
        self._app = make_wsgi_app(registry)
        self._open: dict[asyncio.Task[None], None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._ended = threading.Event()

    def serve_forever(self) -> None:
        """Serves until `shutdown`."""
        try:
            asyncio.run(self._serve())
        finally:
            self._ready.set()
            self._ended.set()

    def shutdown(self) -> None:
        """Ends the server; waits for it, half a second at most."""
        self._ready.wait(SHUTDOWN_S)
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # It has ended by itself.
                self._loop.call_soon_threadsafe(self._stop.set)
        self._ended.wait(SHUTDOWN_S)

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._connected, sock=self._listening, limit=HEAD_BYTES)
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= CONNECTIONS:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.cancel()
        task = asyncio.get_running_loop().create_task(self._converse(reader, writer))
        self._open[task] = None
        task.add_done_callback(lambda task: self._open.pop(task, None))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request and its answer."""
        try:
            answer = await asyncio.wait_for(self._answer(reader), HEAD_S)
            # Drained is what the kernel has taken; the rest of a slow reader is dropped.
            writer.transport.set_write_buffer_limits(0)
            writer.write(answer)
            await asyncio.wait_for(writer.drain(), ANSWER_S)
            writer.close()
        except (OSError, EOFError, asyncio.TimeoutError, asyncio.CancelledError):
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
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
        asked = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "QUERY_STRING": query,
        }
        for field in fields:
            name, _, value = field.partition(":")
            if name.lower() in ("accept", "accept-encoding"):
                asked[f"HTTP_{name.upper().replace('-', '_')}"] = value.strip()
        told: list[Any] = []
        body = b"".join(self._app(asked, lambda *head: told.extend(head)))
        status, headers = told[:2]
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
