"""Expressions that several panels have in common, as text of PromQL."""

from __future__ import annotations

from dashboards.panel import Query


def growth(metric: str, by: str = "") -> str:
    """How much a counter grew in the shown time, also that of workers that started or ended in it.

    `increase` counts only what grew between two scrapes, and a short run may have one.
    """
    total = _sum(by)
    most = f"{total} (max_over_time({metric}[$__range]))"
    return f"{most} - ({total} ({metric} offset $__range) or 0 * {most})"


def rate(metric: str, by: str = "") -> str:
    """How much a counter grows per second just now."""
    return f"{_sum(by)} (rate({metric}[$__rate_interval]))"


def quantiles(buckets: str) -> tuple[Query, ...]:
    """The median of a histogram's buckets, and what one of a hundred exceeds, by source."""
    return (
        Query(f"histogram_quantile(0.5, {buckets})", "median, {{source}}"),
        Query(f"histogram_quantile(0.99, {buckets})", "99 %, {{source}}"),
    )


def _sum(by: str) -> str:
    return f"sum by ({by})" if by else "sum"


RECEIVED = (
    rate('xfd_bytes_total{source!="cache"}', "instance")
    + ' and on (instance) (sum by (instance) (xfd_active_transfers{kind=~"origin|peer"}) > 0)'
)
"""Bytes per second of each node with a transfer that runs."""

_READ = growth('xfd_lease_bytes_total{source="origin"}')
_MISSING = growth("xfd_lease_missing_bytes_total")
AMPLIFICATION = f"({_READ}) / (({_MISSING}) > 0)"
"""Bytes that were read from the origin for each byte that was missing."""
