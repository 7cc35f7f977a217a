"""The report of a download to one host. Pure."""

from __future__ import annotations

import platform

from xfd_api import paths
from xfd_api.chunks import Catalog, CatalogObject
from xfd_api.ids import LOCAL_NODE
from xfd_api.reports import NodeCounters
from xfd_api.results import BoundSource, DistributionReport, NodeResult, ObjectResult
from xfd_api.settings import NodeSettings
from xfd_api.timeline import Timeline
from xfd_dataplane.download_state import DownloadState


def report(
    catalog: Catalog,
    state: DownloadState,
    counters: NodeCounters,
    settings: NodeSettings,
    elapsed_s: float,
) -> DistributionReport:
    """The report of a download that is done."""
    total = catalog.total_bytes
    missing = max(total - state.cached_bytes - state.held_at_start, 0)
    bound_s, bound_source = _bound(missing, settings, elapsed_s)
    timeline = _timeline(catalog, state, elapsed_s)
    return DistributionReport(
        elapsed_s=elapsed_s,
        bound_s=bound_s,
        bound_source=bound_source,
        catalog_bytes=total,
        missing_bytes=missing,
        origin_bytes=counters.origin_bytes,
        peer_bytes=0,
        cached_bytes=state.cached_bytes,
        retries=counters.retries + state.retried,
        nodes=(
            NodeResult(
                node=LOCAL_NODE,
                state="done",
                elapsed_s=elapsed_s,
                objects=len(catalog.objects),
                files=sum(not item.is_directory for item in catalog.objects),
                bytes=total,
                origin_bytes=counters.origin_bytes,
                peer_bytes=0,
                served_bytes=0,
                cached_bytes=state.cached_bytes,
                root=str(paths.root()),
                resumed_bytes=state.held_at_start,
                host=platform.node(),
                origin_ranges=state.ranges,
                retries=counters.retries + state.retried,
            ),
        ),
        objects=tuple(
            ObjectResult(
                key=item.found.key,
                destination=str(paths.local_path(item.destination)),
                size=item.size,
                origin_bytes=state.fetched.get(item.index, 0),
                nodes_landed=1,
                nodes_cached=int(item.index in state.cached),
                left_out=_left_out(item, state)[0],
                left_out_count=_left_out(item, state)[1],
            )
            for item in catalog.objects
        ),
        excluded=catalog.excluded,
        resumed_bytes=state.held_at_start,
        timeline=timeline,
    )


def _timeline(catalog: Catalog, state: DownloadState, elapsed_s: float) -> Timeline:
    """When the chunks arrived."""
    began = state.recorder.began
    return state.recorder.timeline(
        {LOCAL_NODE: (began, began + elapsed_s)},
        {chunk.index: chunk.spans[0].object for chunk in catalog.chunks},
        [item.index for item in catalog.objects],
    )


def _left_out(item: CatalogObject, state: DownloadState) -> tuple[tuple[str, ...], int]:
    """Names and number of what has no place on disk."""
    return state.left_out.get(item.index, (item.left_out, len(item.left_out)))


def _bound(
    missing: int, settings: NodeSettings, elapsed_s: float
) -> tuple[float | None, BoundSource | None]:
    """The bound by the configured rates. A run may start with a burst above them."""
    rates = [
        rate
        for rate in (settings.origin_bytes_per_s, settings.download_bytes_per_s)
        if rate is not None
    ]
    if not rates or not missing:
        return None, None
    return min(missing / min(rates), elapsed_s), "configured"
