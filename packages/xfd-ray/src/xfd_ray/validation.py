"""What a caller may give: each value as it is used, or `InvalidRequestError` that names it."""

from __future__ import annotations

from typing import Any, TypeVar

from xfd_api.chunking import check_chunk_size
from xfd_api.errors import InvalidRequestError
from xfd_api.settings import Durability, NodeSettings
from xfd_ray.messages import OnVersionConflict, OriginPolicy

N = TypeVar("N", int, float)


def at_least(least: N, name: str, value: N) -> N:
    """The value, if it is a number that is no less; a whole one where `least` is one."""
    kinds = int if isinstance(least, int) else int | float
    if isinstance(value, bool) or not isinstance(value, kinds) or not value >= least:
        number = "a whole number, " if isinstance(least, int) else ""
        raise InvalidRequestError(f"{name} is {value!r}", remedy=f"Use {number}{least:g} or more")
    return value


def check_deadline(deadline_s: float | None) -> None:
    """No deadline, or one that is ahead."""
    if deadline_s is not None:
        at_least(0.0, "deadline_s", deadline_s)


def checked_chunk_size(size: int | None) -> int | None:
    """A size that a catalog takes, or None."""
    check_chunk_size(size)
    return size


def checked_durability(value: Any) -> Durability:
    """The durability of that name."""
    try:
        return Durability(value)
    except ValueError:
        raise InvalidRequestError(
            f"durability is {value!r}", remedy="Use 'object' or 'none'"
        ) from None


def checked_node_settings(settings: NodeSettings | None) -> NodeSettings:
    """The settings, or default ones; without a root, which tasks would not know of."""
    if settings is not None and settings.root:
        raise InvalidRequestError(
            f"node_settings.root is {settings.root!r}, but tasks look below their own root",
            path=settings.root,
            remedy="Set XFD_ROOT in the env_vars of the runtime_env, which workers and tasks heed, "
            "or give absolute destinations",
        )
    return settings or NodeSettings()


def checked_origin_policy(policy: Any) -> OriginPolicy:
    """One of the policies, or a number of times."""
    is_budget = isinstance(policy, int) and not isinstance(policy, bool) and policy >= 1
    if not is_budget and policy not in ("once-per-cluster", "once-per-zone"):
        raise InvalidRequestError(
            f"origin_policy is {policy!r}",
            remedy="Use 'once-per-cluster', 'once-per-zone' or a number of times",
        )
    checked: OriginPolicy = policy
    return checked


def checked_version_conflict(choice: Any) -> OnVersionConflict:
    """One of the choices."""
    if choice not in ("fail", "wait", "pinned"):
        raise InvalidRequestError(
            f"on_version_conflict is {choice!r}", remedy="Use 'fail', 'wait' or 'pinned'"
        )
    checked: OnVersionConflict = choice
    return checked


def checked_ports(ports: tuple[int, int] | None) -> tuple[int, int] | None:
    """First and last port, or None."""
    if ports is None:
        return None
    is_pair = isinstance(ports, tuple | list) and len(ports) == 2
    if (
        is_pair
        and all(isinstance(port, int) for port in ports)
        and 0 < ports[0] <= ports[1] < 2**16
    ):
        return (ports[0], ports[1])
    raise InvalidRequestError(f"peer_ports is {ports!r}", remedy="Give the first and the last port")
