"""Downloads to this host alone: finds objects, orders every missing chunk from the origin, waits.

`OneHost` decides; what it decides is carried out here, on a `Node`.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from xfd_api.catalog import build_catalog
from xfd_api.chunks import Catalog
from xfd_api.ids import LOCAL_NODE, ObjectIndex, SwarmId
from xfd_api.lookups import plan_lookups
from xfd_api.reports import NodeEvent
from xfd_api.request_forms import Requests, as_requests
from xfd_api.results import DistributionReport, Progress
from xfd_api.settings import Durability, NodeSettings, SwarmTicket, UnpackCaps
from xfd_api.stores import ObjectStoreConfig, ObjectStoreConfigByProfile, by_profile
from xfd_dataplane._native import Node
from xfd_dataplane.logs import listen, pass_on
from xfd_dataplane.onehost import OneHost
from xfd_dataplane.report import progress, report
from xfd_dataplane.watch import SLICE_S, Cancellation, Watch

MANY_ORDERS = 32
"""While so many chunks are ordered, what happened is told in batches: to wake up for each of them
costs more than to keep the account."""
BATCH_S = 0.02
LOOK_AGAIN_S = 0.5

OnProgress = Callable[[Progress], None]
OnEvent = Callable[[NodeEvent], None]


def node_settings(**given: Any) -> NodeSettings:
    """Settings of this host's data plane: the attributes of `NodeSettings` that are not None."""
    known = {name: value for name, value in given.items() if value is not None}
    return NodeSettings(**known).rooted()


@contextlib.contextmanager
def open_node(settings: NodeSettings | None = None) -> Iterator[Node]:
    """A node of this host alone, closed at the end."""
    node = Node(LOCAL_NODE, (settings or NodeSettings()).rooted())
    listen(node)
    try:
        yield node
    finally:
        node.close()
        pass_on(node)


def download(
    download_requests: Requests,
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile,
    *,
    chunk_size_bytes: int | None = None,
    node_parallelism: int | None = None,
    memory_budget_bytes: int | None = None,
    durability: Durability | str = Durability.OBJECT,
    verify_whole: bool = False,
    origin_bytes_per_s: int | None = None,
    download_bytes_per_s: int | None = None,
    attempts: int | None = None,
    connect_timeout_s: float | None = None,
    read_timeout_s: float | None = None,
    unpack_caps: UnpackCaps | None = None,
    deadline_s: float | None = None,
    on_progress: OnProgress | None = None,
    cancel: Cancellation | None = None,
) -> DistributionReport:
    """Downloads to this host, and returns when everything is at its destination.

    Args:
        download_requests: what to fetch, and where it should land; also bare requests, uris, or
            a single one of these.
        object_store_config: where from; a bare configuration is the profile None.
        chunk_size_bytes: size of a chunk, at most 100 MiB; None chooses by the object's size.
        node_parallelism: chunks fetched at once.
        memory_budget_bytes: for all bytes in flight between sockets and files.
        durability: "object" syncs an object before it gets its name; "none" syncs nothing.
        verify_whole: compare a SHA-256 or MD5 over the finished file, where the store has that.
        origin_bytes_per_s: limit on reading from the origin, in bytes per second.
        download_bytes_per_s: limit on all receiving, in bytes per second.
        attempts: tries for one request to the origin.
        connect_timeout_s: for a connection to the origin.
        read_timeout_s: longest silence before a request is tried again.
        unpack_caps: upper limits for archives.
        deadline_s: longest time for the whole call.
        on_progress: called some ten times a second, in the calling thread.
        cancel: a `threading.Event`, say; once set, the download ends within a second.

    Raises:
        XfdError: one of the classes of `xfd_api.errors`; the first that could not be mended.
        KeyboardInterrupt: everything has been stopped by then. Verified parts stay on disk, and
            the next download of the same objects goes on from them.
    """
    watch = Watch(deadline_s, cancel)
    durability = Durability(durability)
    stores = by_profile(object_store_config)
    lookups = plan_lookups(as_requests(download_requests), stores)
    settings = node_settings(
        node_parallelism=node_parallelism,
        memory_budget_bytes=memory_budget_bytes,
        origin_bytes_per_s=origin_bytes_per_s,
        download_bytes_per_s=download_bytes_per_s,
        attempts=attempts,
        connect_timeout_s=connect_timeout_s,
        read_timeout_s=read_timeout_s,
        unpack_caps=unpack_caps,
        verify_whole=verify_whole,
    )
    with open_node(settings) as node:
        found = watch.run(lambda: node.find_objects(lookups, stores))
        catalog = build_catalog(lookups, found, chunk_size_bytes=chunk_size_bytes)
        return fetch(
            node,
            catalog,
            stores,
            settings=settings,
            durability=durability,
            watch=watch,
            on_progress=on_progress,
        )


def fetch(
    node: Node,
    catalog: Catalog,
    stores: ObjectStoreConfigByProfile,
    *,
    settings: NodeSettings,
    durability: Durability,
    watch: Watch,
    on_progress: OnProgress | None = None,
    on_event: OnEvent | None = None,
) -> DistributionReport:
    """Fetches a whole catalog in a swarm of one; `on_event` is told all that happens in it.

    Raises: see `download`.
    """
    swarm = SwarmId(os.urandom(16).hex())
    host = OneHost(catalog, seed=int.from_bytes(os.urandom(4), "big"))
    node.join(SwarmTicket(swarm, token=os.urandom(32).hex(), durability=durability))
    try:
        _run(node, swarm, catalog, stores, host, watch, on_progress, on_event)
        elapsed_s, counters = watch.elapsed(), node.counters(swarm)
    except BaseException:
        # What made the download end is what the caller should see.
        with contextlib.suppress(Exception):
            node.leave(swarm)
        raise
    node.leave(swarm)
    return report(catalog, host, counters, settings, elapsed_s)


def survey(node: Node, catalog: Catalog) -> dict[ObjectIndex, tuple[int, bool]]:
    """Of each object, the bytes that need not be fetched, and whether nothing is left to do for it.
    Changes nothing on the disk; what an earlier run left of an object is not read again.

    Raises:
        DestinationError: a folder lies where a file should land, or the disk does not answer.
    """
    swarm = SwarmId(os.urandom(16).hex())
    node.join(SwarmTicket(swarm, token=os.urandom(32).hex(), durability=Durability.NONE))
    try:
        return {index: (here, landed) for index, here, landed in node.survey(swarm, catalog)}
    finally:
        node.leave(swarm)


def _run(
    node: Node,
    swarm: SwarmId,
    catalog: Catalog,
    stores: ObjectStoreConfigByProfile,
    host: OneHost,
    watch: Watch,
    on_progress: OnProgress | None,
    on_event: OnEvent | None,
) -> None:
    def take_stock() -> None:
        orders = host.took_stock(watch.run(lambda: node.extend(swarm, catalog, stores)))
        if orders:
            node.submit(swarm, orders)

    def tell() -> None:
        if on_progress is not None:
            on_progress(progress(catalog, host, node.counters(swarm), watch.elapsed()))

    take_stock()
    look_again_at = time.monotonic() + LOOK_AGAIN_S
    tell()
    while not host.done:
        watch.check()
        for event in node.poll(swarm, SLICE_S):
            host.handle(event, time.monotonic())
            if on_event is not None:
                on_event(event)
        pass_on(node)
        if again := host.due(time.monotonic()):
            node.submit(swarm, again)
        if host.failure is not None:
            raise host.failure
        if host.outstanding > MANY_ORDERS:
            time.sleep(BATCH_S)
        if host.busy and time.monotonic() >= look_again_at:
            take_stock()
            look_again_at = time.monotonic() + LOOK_AGAIN_S
        tell()
