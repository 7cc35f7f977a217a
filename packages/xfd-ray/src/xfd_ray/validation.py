"""Checks the values of a distribution's options, by one table.

A check takes an option's name and value, and raises `InvalidRequestError` with the name, the value
and what to give instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, get_args

from xfd_api.chunking import check_chunk_size
from xfd_api.errors import InvalidRequestError
from xfd_api.progress_modes import checked_progress_mode
from xfd_api.settings import Durability, NodeSettings
from xfd_api.traffic import Prices
from xfd_ray.link_rates import LinkRates
from xfd_ray.metrics.choice import MetricsMode
from xfd_ray.placement import as_selector

Check = Callable[[str, Any], None]


def check_option(name: str, value: Any) -> None:
    """Refuses a value that the option of this name cannot have.

    Raises:
        InvalidRequestError: it names the option, the value and what to give instead.
    """
    CHECKS[name](name, value)


def _refused(name: str, value: Any, remedy: str) -> InvalidRequestError:
    return InvalidRequestError(f"{name} is {value!r}", remedy=remedy)


def _any_value(_name: str, _value: Any) -> None:
    pass


def _optional(check: Check) -> Check:
    def check_unless_none(name: str, value: Any) -> None:
        if value is not None:
            check(name, value)

    return check_unless_none


def _at_least(least: int | float) -> Check:
    """A number that is no less; a whole number if `least` is one."""
    kinds = int if isinstance(least, int) else int | float
    number = "a whole number, " if isinstance(least, int) else ""

    def check(name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, kinds) or not value >= least:
            raise _refused(name, value, f"Use {number}{least:g} or more")

    return check


def _one_of(*choices: str) -> Check:
    def check(name: str, value: Any) -> None:
        if value not in choices:
            raise _refused(name, value, f"Use one of {', '.join(map(repr, choices))}")

    return check


def _instance_of(kind: type) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, kind):
            raise _refused(name, value, f"Give a {kind.__name__}")

    return check


def _function(name: str, value: Any) -> None:
    if not callable(value):
        raise _refused(name, value, "Give a function")


def _chunk_size(_name: str, value: Any) -> None:
    check_chunk_size(value)


def _nodes(_name: str, value: Any) -> None:
    as_selector(value)


def _durability(name: str, value: Any) -> None:
    try:
        Durability(value)
    except ValueError:
        raise _refused(name, value, "Use 'object' or 'none'") from None


def _origin_policy(name: str, value: Any) -> None:
    is_budget = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if not is_budget and value not in ("once-per-cluster", "once-per-zone"):
        raise _refused(name, value, "Use 'once-per-cluster', 'once-per-zone' or a number of times")


def _peer_tls(_name: str, value: Any) -> None:
    if value:
        raise InvalidRequestError(
            "TLS between peers is not available yet", remedy="Leave peer_tls at False"
        )


def _progress(name: str, value: Any) -> None:
    checked_progress_mode(name, value)


def _ports(name: str, value: Any) -> None:
    is_pair = isinstance(value, tuple | list) and len(value) == 2
    is_range = (
        is_pair
        and all(isinstance(port, int) for port in value)
        and 0 < value[0] <= value[1] < 2**16
    )
    if not is_range:
        raise _refused(name, value, "Give the first and the last port")


def _node_settings(name: str, value: Any) -> None:
    _instance_of(NodeSettings)(name, value)
    if value.root:
        raise InvalidRequestError(
            f"node_settings.root is {value.root!r}, but tasks look below their own root",
            path=value.root,
            remedy="Set XFD_ROOT in the env_vars of the runtime_env, which workers and tasks use, "
            "or give absolute destinations",
        )
    if value.hub_cache:
        raise InvalidRequestError(
            f"node_settings.hub_cache is {value.hub_cache!r}, but tasks look in their own cache",
            path=value.hub_cache,
            remedy="Set HF_HUB_CACHE or HF_HOME in the env_vars of the runtime_env, which workers "
            "and tasks use",
        )


CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "chunk_size_bytes": _optional(_chunk_size),
        "node_parallelism": _optional(_at_least(1)),
        "object_store_parallelism": _at_least(1),
        "verbose": _any_value,
        "nodes": _nodes,
        "on_node_failure": _one_of("continue", "fail"),
        "on_version_conflict": _one_of("fail", "wait", "pinned"),
        "origin_policy": _origin_policy,
        "peer_tls": _peer_tls,
        "peer_ports": _optional(_ports),
        "durability": _durability,
        "deadline_s": _optional(_at_least(0.0)),
        "keep_s": _at_least(0.0),
        "progress": _optional(_progress),
        "on_progress": _optional(_function),
        "rates": _optional(_instance_of(LinkRates)),
        "prices": _optional(_instance_of(Prices)),
        "node_settings": _optional(_node_settings),
        "metrics": _optional(_one_of(*get_args(MetricsMode))),
        "metrics_ports": _optional(_ports),
    }
)
"""The check of each option of `DistributionOptions`, by its name."""
