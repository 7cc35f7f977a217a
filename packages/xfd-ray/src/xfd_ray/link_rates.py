"""What links and disks can carry. Drivers load this: it imports little."""

from __future__ import annotations

from dataclasses import dataclass

from xfd_api.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class LinkRates:
    """Rates in bytes per second; None is unlimited or unknown.

    Attributes:
        origin: what the object store sends to the whole cluster.
        down: what a node receives.
        up: what a node sends.
        write: what a node's disk writes.
    """

    origin: float | None = None
    down: float | None = None
    up: float | None = None
    write: float | None = None

    def __post_init__(self) -> None:
        for name in ("origin", "down", "up", "write"):
            rate = getattr(self, name)
            if rate is not None and rate <= 0:
                raise InvalidRequestError(f"The {name} rate is {rate}", remedy="Use more than 0")
