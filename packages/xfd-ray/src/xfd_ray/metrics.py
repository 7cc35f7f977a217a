"""A node's Prometheus metrics, on a registry and a port of their own.

| metric | what it counts |
|---|---|
| `xfd_bytes_total{source}` | bytes received from `origin` and `peer`, or found in `cache` |
| `xfd_chunks_total{source}` | chunks received from `origin` and `peer` |
| `xfd_served_bytes_total`, `xfd_served_chunks_total` | what was served to peers |
| `xfd_written_bytes_total` | bytes written to files |
| `xfd_objects_total{state}` | objects `landed`, and of these found in `cache` |
| `xfd_active_transfers{kind}` | now running: `origin`, `peer`, `served`, `unpack` |
| `xfd_retries_total` | requests asked again |
| `xfd_verification_failures_total` | chunks whose bytes were wrong |
| `xfd_unpacked_entries_total`, `xfd_unpacked_bytes_total` | what came out of archives |
| `xfd_transfer_seconds{source}` | time from a chunk's first byte to its last |
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from socketserver import TCPServer, ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Histogram, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from xfd_api.reports import ChunkHeld, NodeCounters, NodeEvent

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

_COUNTERS: tuple[tuple[str, str, str | None, tuple[tuple[str, str], ...]], ...] = (
    (
        "xfd_bytes",
        "Bytes received, or found in the cache",
        "source",
        (("origin", "origin_bytes"), ("peer", "peer_bytes"), ("cache", "cached_bytes")),
    ),
    (
        "xfd_chunks",
        "Chunks received",
        "source",
        (("origin", "chunks_from_origin"), ("peer", "chunks_from_peers")),
    ),
    (
        "xfd_objects",
        "Objects whole at their destination",
        "state",
        (("landed", "objects_landed"), ("cache", "objects_cached")),
    ),
    ("xfd_served_bytes", "Bytes served to peers", None, (("", "served_bytes"),)),
    ("xfd_served_chunks", "Chunks served to peers", None, (("", "chunks_served"),)),
    ("xfd_written_bytes", "Bytes written to files", None, (("", "written_bytes"),)),
    ("xfd_retries", "Requests asked again", None, (("", "retries"),)),
    (
        "xfd_verification_failures",
        "Chunks whose bytes were wrong",
        None,
        (("", "verification_failures"),),
    ),
    ("xfd_unpacked_entries", "Entries of archives", None, (("", "unpacked_entries"),)),
    ("xfd_unpacked_bytes", "Bytes out of archives", None, (("", "unpacked_bytes"),)),
)

_ACTIVE = (
    ("origin", "active_origin"),
    ("peer", "active_peer"),
    ("served", "active_served"),
    ("unpack", "active_unpacks"),
)


class _Server(ThreadingMixIn, WSGIServer):
    """A thread per scrape."""

    daemon_threads = True

    def server_bind(self) -> None:
        """Binds without asking a name server who we are, which may take seconds."""
        TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)
        self.setup_environ()


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = 10.0

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not worth a line each."""


class CountersCollector(Collector):
    """Metrics out of `NodeCounters`, read when they are scraped."""

    def __init__(self, counters: Callable[[], NodeCounters]) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        now = self._counters()
        for name, text, label, fields in _COUNTERS:
            family = CounterMetricFamily(name, text, labels=[label] if label else [])
            for value, attribute in fields:
                family.add_metric([value] if label else [], getattr(now, attribute))
            yield family
        active = GaugeMetricFamily("xfd_active_transfers", "Now running", labels=["kind"])
        for kind, attribute in _ACTIVE:
            active.add_metric([kind], getattr(now, attribute))
        yield active


class NodeMetrics:
    """The registry of one node, and the server it is scraped at."""

    def __init__(self, counters: Callable[[], NodeCounters]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(CountersCollector(counters))
        self._seconds = Histogram(
            "xfd_transfer_seconds",
            "From a chunk's first byte to its last",
            ["source"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._server: WSGIServer | None = None

    def observe(self, events: Sequence[NodeEvent]) -> None:
        """Counts the transfers among the events."""
        for event in events:
            if isinstance(event, ChunkHeld) and event.transfer_seconds:
                source = "origin" if event.source is None else "peer"
                self._seconds.labels(source).observe(event.transfer_seconds)

    def serve(self, host: str) -> str:
        """Starts the HTTP endpoint on a free port; returns its address, `host:port`."""
        kind = _Server6 if ":" in host else _Server
        app = make_wsgi_app(self.registry)
        self._server = make_server(host, 0, app, server_class=kind, handler_class=_Handler)
        serving = threading.Thread(
            target=self._server.serve_forever, name="xfd-metrics", daemon=True
        )
        serving.start()
        port = self._server.server_port
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def close(self) -> None:
        """Stops the endpoint; blocks for up to half a second."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
