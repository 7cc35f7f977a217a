"""Checks the values of a distribution's options, by one table.

A check takes an option's name and value, and raises `InvalidRequestError` with the name, the value
and what to give instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from xfd_api.configuration import SETTINGS, check_value
from xfd_api.errors import InvalidRequestError
from xfd_api.node_selector import as_selector
from xfd_api.settings import NodeSettings
from xfd_api.traffic import Prices
from xfd_ray.link_rates import LinkRates

Check = Callable[[str, Any], None]


def check_option(name: str, value: Any) -> None:
    """Refuses a value that the option of this name cannot have. None is as configured.

    Raises:
        InvalidRequestError: it names the option, the value and what to give instead.
    """
    if value is not None:
        CHECKS[name](name, value)


def _refused(name: str, value: Any, remedy: str) -> InvalidRequestError:
    return InvalidRequestError(f"{name} is {value!r}", remedy=remedy)


def _any_value(_name: str, _value: Any) -> None:
    pass


def _as_in_the_table(name: str, value: Any) -> None:
    check_value(name, value)


def _instance_of(kind: type) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, kind):
            raise _refused(name, value, f"Give a {kind.__name__}")

    return check


def _function(name: str, value: Any) -> None:
    if not callable(value):
        raise _refused(name, value, "Give a function")


def _nodes(_name: str, value: Any) -> None:
    as_selector(value)


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
        **{
            each.key: _as_in_the_table
            for each in SETTINGS
            if each.in_file and "." not in each.key and "cluster" in each.readers
        },
        "nodes": _nodes,
        "verbose": _any_value,
        "on_progress": _function,
        "rates": _instance_of(LinkRates),
        "prices": _instance_of(Prices),
        "node_settings": _node_settings,
    }
)
"""The check of each option of `DistributionOptions`, by its name. What files and variables may set
too has the check of its setting."""
