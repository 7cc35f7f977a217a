"""Which rates the links have: given, configured, or observed in an earlier run from this machine.

`xfd get` keeps what it observed in `xfd/link-rates.json` of the user's state directory
(`XDG_STATE_HOME`, else `~/.local/state`), by the address of the cluster.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from xfd_api.configuration import load
from xfd_api.json_text import parsed
from xfd_api.results import DistributionReport
from xfd_api.timeline import FROM_ORIGIN, Transfers
from xfd_ray.configured import configured_rates
from xfd_ray.link_rates import LinkRates

LEAST_RUN_S = 2.0
"""A shorter run says little about links."""


@dataclass(frozen=True, slots=True)
class KnownRates:
    """Rates, and where they come from, in words."""

    rates: LinkRates
    source: str


def known_rates(given: LinkRates | None, cluster: str) -> KnownRates | None:
    """The rates to plan with; None if nothing is known of the cluster's links.

    Args:
        given: by options.
        cluster: the cluster's address.

    Raises:
        InvalidRequestError: a file or a variable has a wrong setting.
    """
    if given is not None:
        return KnownRates(given, "given")
    configured = configured_rates(load())
    if configured is not None:
        return KnownRates(configured, "configured")
    kept = _read().get(cluster)
    if not isinstance(kept, dict):
        return None
    try:
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(float(kept["at"])))
        return KnownRates(LinkRates(**kept["rates"]), f"observed by xfd get at {at}")
    except (KeyError, TypeError, ValueError):
        return None


def keep_observed(report: DistributionReport, cluster: str, at: float) -> None:
    """Keeps the rates of a run, if it shows any. Failing to write is no failure of the run.

    Args:
        report: of the run.
        cluster: the cluster's address.
        at: seconds since 1970.
    """
    rates = observed_rates(report)
    if rates is None:
        return
    kept = {**_read(), cluster: {"at": at, "rates": asdict(rates)}}
    with contextlib.suppress(OSError, RuntimeError):
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        beside.write_text(json.dumps(kept))
        beside.replace(path)


def observed_rates(report: DistributionReport) -> LinkRates | None:
    """The rates that a run reached: the best second of the store, and of the middle node's links.

    They are less than the links can do if something else was the limit. None if the run was short,
    or moved nothing between nodes.
    """
    if report.timeline is None or report.elapsed_s < LEAST_RUN_S:
        return None
    moved = report.timeline.transfers
    down, up, origin = _by_second(moved)
    if not down:
        return None
    return LinkRates(
        origin=max(origin.values(), default=None),
        down=median(max(seconds.values()) for seconds in down.values()),
        up=median(max(seconds.values()) for seconds in up.values()) if up else None,
    )


_Seconds = dict[int, float]


def _by_second(moved: Transfers) -> tuple[dict[int, _Seconds], dict[int, _Seconds], _Seconds]:
    """Bytes in each second: received and sent by each node, and read from the store."""
    down: dict[int, _Seconds] = {}
    up: dict[int, _Seconds] = {}
    origin: _Seconds = {}
    rows = (moved.node, moved.source, moved.start_s, moved.seconds, moved.bytes)
    for node, source, start, took, size in zip(*rows, strict=True):
        sender = origin if source == FROM_ORIGIN else up.setdefault(source, {})
        for second, share in _spread(start, took):
            part = size * share * moved.every
            for counted in (down.setdefault(node, {}), sender):
                counted[second] = counted.get(second, 0.0) + part
    return down, up, origin


def _spread(start: float, took: float) -> list[tuple[int, float]]:
    """The seconds that a transfer lies in, with its share in each.

    Example:
        >>> _spread(0.5, 1.0)
        [(0, 0.5), (1, 0.5)]
    """
    end = start + took
    if int(end) == int(start) or took <= 0:
        return [(int(start), 1.0)]
    return [
        (second, (min(end, second + 1) - max(start, second)) / took)
        for second in range(int(start), int(end) + 1)
        if end > second
    ]


def _read() -> Mapping[str, Any]:
    try:
        kept = parsed(_path().read_text("utf-8"))
    except (OSError, RuntimeError, ValueError):  # This user may have no home.
        return {}
    return kept if isinstance(kept, dict) else {}


def _path() -> Path:
    named = Path(os.environ.get("XDG_STATE_HOME", ""))
    state = named if named.is_absolute() else Path.home() / ".local" / "state"
    return state / "xfd" / "link-rates.json"
