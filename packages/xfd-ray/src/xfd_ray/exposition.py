"""What a scrape of a node answers. Loaded with prometheus_client at the first one, not before.

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

What is received of a chunk that is begun again, from a better source for one, counts as bytes each
time; as a chunk it counts once.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

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
    from xfd_ray.metrics import TransferTimes

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


class NodeCollector(Collector):
    """Metrics out of what is counted anyway, read when they are scraped."""

    def __init__(self, counters: Callable[[], NodeCounters], times: TransferTimes) -> None:
        self._counters = counters
        self._times = times

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
        seconds = HistogramMetricFamily(
            "xfd_transfer_seconds", "From a chunk's first byte to its last", labels=["source"]
        )
        for source, (buckets, total) in self._times.read().items():
            seconds.add_metric([source], buckets, total)
        yield seconds


class MetricsServer(ThreadingMixIn, WSGIServer):
    """Answers scrapes at a socket that listens already; a thread per scrape."""

    daemon_threads = True

    def __init__(self, listening: socket.socket, collector: Collector) -> None:
        host, port = listening.getsockname()[:2]
        super().__init__((host, port), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        # What binding would set, but for asking a name server who we are, which may take seconds.
        self.server_name, self.server_port = host, port
        self.setup_environ()
        registry = CollectorRegistry()
        registry.register(collector)
        self.set_app(make_wsgi_app(registry))


class _Handler(WSGIRequestHandler):
    timeout = 10.0

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not worth a line each."""
