"""What a caller may give: each value as it is used, or `InvalidRequestError` that names it."""

from __future__ import annotations

from typing import Any, TypeVar

from xfd_api.cutting import check_chunk_size
from xfd_api.errors import InvalidRequestError
from xfd_api.settings import Durability
from xfd_ray.terms import OriginPolicy

N = TypeVar("N", int, float)


def at_least(least: N, name: str, value: N) -> N:
    """The value, if it is no less."""
    if not value >= least:  # Also where it is no number.
        raise InvalidRequestError(f"{name} is {value}", remedy=f"Use {least:g} or more")
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


def checked_ports(ports: tuple[int, int] | None) -> tuple[int, int] | None:
    """First and last port, or None."""
    if ports is None:
        return None
    first, last = ports if len(ports) == 2 else (0, 0)
    if not 0 < first <= last < 2**16:
        raise InvalidRequestError(
            f"peer_ports is {ports}", remedy="Give the first and the last port"
        )
    return (first, last)
