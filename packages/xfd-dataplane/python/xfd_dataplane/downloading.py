"""Downloads to one host: finds objects, orders every missing chunk from the origin, and waits.

`DownloadState` decides what to order. This module carries that out on a `Node`.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator

from xfd_api.catalog import build_catalog
from xfd_api.chunks import Catalog
from xfd_api.configuration import check_value, load
from xfd_api.ids import LOCAL_NODE, ObjectIndex, SwarmId
from xfd_api.lookups import plan_downloads
from xfd_api.node_configuration import node_settings
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.progress import OnProgress, finding, origin_reset
from xfd_api.progress_modes import ProgressMode
from xfd_api.reports import NodeEvent
from xfd_api.request_forms import Requests, for_one_host
from xfd_api.results import DistributionReport
from xfd_api.settings import Durability, NodeSettings, SwarmTicket, UnpackCaps
from xfd_api.stall_words import stall_words
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane.cancellation import SLICE_S, CallLimits, Cancellation
from xfd_dataplane.download_progress import DownloadProgress
from xfd_dataplane.download_state import DownloadState
from xfd_dataplane.log_forwarding import forward_log, subscribe
from xfd_dataplane.node import Node
from xfd_dataplane.progress import progress_display
from xfd_dataplane.report import report

MANY_ORDERS = 32
"""With more open orders than this, events are handled in batches: waking up for each one costs more
than handling it."""

BATCH_S = 0.02
"""Length of a batch, in seconds."""

INVENTORY_AGAIN_S = 0.5
"""Seconds between two looks at objects that another process is writing."""

OnEvent = Callable[[NodeEvent], None]


@contextlib.contextmanager
def open_node(settings: NodeSettings | None = None) -> Iterator[Node]:
    """Opens a data plane for this host, and closes it after the block.

    Args:
        settings: None for the configured ones.

    Raises:
        InvalidRequestError: a file or a variable has a wrong setting.
    """
    if settings is None:
        settings = node_settings(load())
    node = Node(LOCAL_NODE, settings.rooted())
    subscribe(node)
    try:
        yield node
    finally:
        node.close()
        forward_log(node)


def download(
    download_requests: Requests,
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None = None,
    *,
    chunk_size_bytes: int | None = None,
    node_parallelism: int | None = None,
    memory_budget_bytes: int | None = None,
    durability: Durability | str | None = None,
    verify_whole: bool | None = None,
    origin_bytes_per_s: int | None = None,
    download_bytes_per_s: int | None = None,
    attempts: int | None = None,
    connect_timeout_s: float | None = None,
    read_timeout_s: float | None = None,
    unpack_caps: UnpackCaps | None = None,
    deadline_s: float | None = None,
    progress: ProgressMode | None = None,
    on_progress: OnProgress | None = None,
    cancel: Cancellation | None = None,
) -> DistributionReport:
    """Downloads to this host, and returns when everything is at its destination.

    An option that is None is as configured (docs/configuration.md), else has its default.

    Args:
        download_requests: the objects and prefixes, and their destinations. A list of
            `DownloadRequest`s, bare requests or uris, or a single one of these.
        object_store_config: the store, or one per profile. None is enough for full uris.
        chunk_size_bytes: size of a chunk in bytes, at most 100 MiB; by default chosen from each
            object's size.
        node_parallelism: chunks fetched at once; by default 16.
        memory_budget_bytes: limit on the bytes in flight between sockets and files; by default
            64 MiB.
        durability: "object", the default, syncs a file to disk before it gets its name; "none"
            syncs nothing.
        verify_whole: read the finished file again and compare its SHA-256 or MD5, if the store has
            no other checksum; by default False.
        origin_bytes_per_s: limit on reading from the origin; by default none.
        download_bytes_per_s: limit on all receiving; by default none.
        attempts: tries for one request to the origin; by default 8.
        connect_timeout_s: time-out of a connection to the origin, in seconds; by default 5.
        read_timeout_s: longest silence before a request is tried again, in seconds; by default 20.
        unpack_caps: upper limits for archives.
        deadline_s: longest time for the whole call, in seconds; by default no limit.
        progress: the display on standard error: "auto", "bar", "lines", "json" or "none", see
            `xfd_api.progress_modes`; by default "none".
        on_progress: called some ten times a second with a `Progress`, in the calling thread.
        cancel: for example a `threading.Event`; once set, the download ends within a second.

    Returns:
        What was fetched, how long it took, and the result of each object.

    Raises:
        XfdError: one of the classes of `xfd_api.errors`: the first error that retries did not cure.
        KeyboardInterrupt: raised after everything is stopped. Verified parts stay on disk, and the
            next download of the same objects goes on from them.

    Example:
        >>> from xfd_api import ObjectStoreConfig
        >>> from xfd_dataplane import download
        >>> store = ObjectStoreConfig.make_for_local("/tmp/xfd-example/store")
        >>> report = download("models/config.json", store, deadline_s=60)
        >>> (report.catalog_bytes, report.objects[0].key)
        (2, 'models/config.json')
    """
    configuration = load()
    for name, value in (
        ("progress", progress),
        ("deadline_s", deadline_s),
        ("durability", durability),
        ("chunk_size_bytes", chunk_size_bytes),
    ):
        if value is not None:
            check_value(name, value)
    limits = CallLimits(configuration.resolve("deadline_s", deadline_s), cancel)
    mode: ProgressMode = configuration.resolve("progress", progress) or "none"
    durability = Durability(configuration.resolve("durability", durability))
    chunk_size_bytes = configuration.resolve("chunk_size_bytes", chunk_size_bytes)
    plan = plan_downloads(for_one_host(download_requests), object_store_config)
    settings = node_settings(
        configuration,
        node_parallelism=node_parallelism,
        memory_budget_bytes=memory_budget_bytes,
        origin_bytes_per_s=origin_bytes_per_s,
        download_bytes_per_s=download_bytes_per_s,
        attempts=attempts,
        connect_timeout_s=connect_timeout_s,
        read_timeout_s=read_timeout_s,
        unpack_caps=unpack_caps,
        verify_whole=verify_whole,
    ).rooted()
    with open_node(settings) as node, progress_display(mode, then=on_progress) as show:
        tell_of_lookups(limits, node, show)
        found = limits.run(lambda: node.find_objects(plan.lookups, plan.stores))
        catalog = build_catalog(plan.lookups, found, chunk_size_bytes=chunk_size_bytes)
        return fetch(
            node,
            catalog,
            plan.stores,
            settings=settings,
            durability=durability,
            limits=limits,
            on_progress=show,
        )


def fetch(
    node: Node,
    catalog: Catalog,
    stores: ObjectStoreConfigByProfile,
    *,
    settings: NodeSettings,
    durability: Durability,
    limits: CallLimits,
    on_progress: OnProgress | None = None,
    on_event: OnEvent | None = None,
) -> DistributionReport:
    """Fetches a whole catalog, in a swarm of one node.

    Args:
        node: the data plane.
        catalog: the objects.
        stores: where they are.
        settings: those of the node, for the report.
        durability: whether objects are synced to disk.
        limits: when the call has to end.
        on_progress: called with the progress.
        on_event: called with each event of the swarm.

    Raises:
        XfdError: see `download`.
    """
    swarm = SwarmId(os.urandom(16).hex())
    state = DownloadState(catalog, seed=int.from_bytes(os.urandom(4), "big"), began=limits.started)
    node.join(SwarmTicket(swarm, token=os.urandom(32).hex(), durability=durability))
    try:
        _run(node, swarm, catalog, stores, state, limits, on_progress, on_event)
        elapsed_s, counters = limits.elapsed(), node.counters(swarm)
    except BaseException:
        # The caller should see why the download ended, not an error of its end.
        with contextlib.suppress(Exception):
            node.leave(swarm)
        raise
    node.leave(swarm)
    return report(catalog, state, counters, settings, elapsed_s)


def tell_of_lookups(limits: CallLimits, node: Node, on_progress: OnProgress | None) -> None:
    """From now on, passes on why lookups bring nothing, if they do not.

    Args:
        limits: runs the lookups.
        node: makes them.
        on_progress: called with a `Progress` of the phase "finding".
    """

    def tell() -> None:
        stall = node.stall()
        if stall is not None and on_progress is not None:
            words = stall_words(stall, stall.idle_s, "no answer")
            on_progress(finding(limits.elapsed(), stalls=(words,)))

    limits.meanwhile = tell


def survey(node: Node, catalog: Catalog) -> dict[ObjectIndex, tuple[int, bool]]:
    """For each object the bytes that need not be fetched, and whether it has landed.

    Changes nothing on disk, and does not verify what an earlier run left of an object.

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
    state: DownloadState,
    limits: CallLimits,
    on_progress: OnProgress | None,
    on_event: OnEvent | None,
) -> None:
    made = DownloadProgress(catalog, state)

    def take_inventory() -> None:
        orders = state.inventory_taken(limits.run(lambda: node.extend(swarm, catalog, stores)))
        if orders:
            node.submit(swarm, orders)

    def report_progress() -> None:
        if on_progress is not None:
            rest_s = state.origin_rest_s(time.monotonic())
            counters = node.counters(swarm)
            waits_for = None
            if rest_s or counters.active_resets:
                waits_for = origin_reset(time.time() + rest_s if rest_s else None)
            elapsed_s = limits.elapsed()
            stall = node.stall(swarm)
            on_progress(made.at(elapsed_s, counters, stall=stall, waits_for=waits_for))

    take_inventory()
    inventory_again_at = time.monotonic() + INVENTORY_AGAIN_S
    report_progress()
    while not state.done:
        limits.check()
        for event in node.poll(swarm, SLICE_S):
            state.handle(event, time.monotonic())
            if on_event is not None:
                on_event(event)
        forward_log(node)
        if again := state.due(time.monotonic()):
            node.submit(swarm, again)
        if state.failure is not None:
            raise state.failure
        if state.outstanding > MANY_ORDERS:
            time.sleep(BATCH_S)
        if state.busy and time.monotonic() >= inventory_again_at:
            take_inventory()
            inventory_again_at = time.monotonic() + INVENTORY_AGAIN_S
        report_progress()
