"""The progress of a download to one host. Pure: time is an argument."""

from __future__ import annotations

from itertools import islice

from xfd_api.chunks import Catalog
from xfd_api.node_report import Stall
from xfd_api.progress import MOST_STANDINGS, ObjectStanding, Progress
from xfd_api.progress_phases import phase_of
from xfd_api.reports import NodeCounters
from xfd_api.smoothed_rate import SmoothedRate, seconds_left
from xfd_api.stall_words import stall_words
from xfd_dataplane.download_state import DownloadState


class DownloadProgress:
    """Makes each `Progress` of one download; bytes count as they arrive, not chunk by chunk.

    Args:
        catalog: the objects.
        state: what has arrived.
    """

    def __init__(self, catalog: Catalog, state: DownloadState) -> None:
        self._catalog = catalog
        self._state = state
        self._rate = SmoothedRate()
        self._sizes = {item.index: item for item in catalog.objects}

    def at(
        self,
        elapsed_s: float,
        counters: NodeCounters,
        *,
        stall: Stall | None = None,
        waits_for: str | None = None,
    ) -> Progress:
        """How far the download has got.

        Args:
            elapsed_s: seconds since the call.
            counters: of the swarm.
            stall: why nothing arrives.
            waits_for: what keeps the download from going on, if something does.
        """
        catalog, state = self._catalog, self._state
        total = catalog.total_bytes
        present = state.cached_bytes + state.held_at_start
        # What is tried again counts twice, so it does not count as the end.
        arrived = min(total - bool(state.outstanding), present + counters.origin_bytes)
        done_bytes = total if state.done else max(arrived, 0)
        self._rate.add(elapsed_s, counters.origin_bytes)
        phase = phase_of(
            counters,
            is_done=state.done,
            has_inventory=True,
            lacks_bytes=state.outstanding > 0 or bool(state.busy),
        )
        waits_for = self._busy_file() or waits_for
        rate = self._rate.per_s if phase == "moving" else None
        if rate is not None and (stall is not None or waits_for is not None):
            rate = 0.0  # The smoothed one takes its time to fall.
        return Progress(
            elapsed_s=elapsed_s,
            total_bytes=total,
            done_bytes=done_bytes,
            origin_bytes=counters.origin_bytes,
            peer_bytes=0,
            nodes=1,
            nodes_done=int(state.done),
            objects=len(catalog.objects),
            objects_done=len(state.landed),
            waits_for=waits_for,
            phase=phase,
            cached_bytes=present,
            bytes_per_s=rate,
            left_s=seconds_left(total - done_bytes, rate),
            per_object=tuple(self._under_way()),
            retries=counters.retries + state.retried,
            stalls=() if stall is None else (stall_words(stall, stall.idle_s),),
        )

    def _under_way(self) -> list[ObjectStanding]:
        return [
            ObjectStanding(self._sizes[index].destination, self._sizes[index].size, size)
            for index, size in islice(self._state.under_way.items(), MOST_STANDINGS)
        ]

    def _busy_file(self) -> str | None:
        """The file that another process is writing, if nothing else is left to fetch."""
        state = self._state
        if not state.busy or state.outstanding:
            return None
        return f"another process, which writes {self._sizes[min(state.busy)].destination}"
