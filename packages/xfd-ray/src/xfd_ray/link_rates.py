"""What links and disks can carry. Drivers load this: it imports little."""

from __future__ import annotations

import os
from collections.abc import Mapping
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

    @staticmethod
    def from_environment(environ: Mapping[str, str] = os.environ) -> LinkRates | None:
        """Reads `XFD_ORIGIN_BYTES_PER_S` and the same with DOWN, UP, WRITE; None if none is set.

        Raises:
            InvalidRequestError: one of them is not a number.
        """
        rates: dict[str, float] = {}
        for name in ("origin", "down", "up", "write"):
            variable = f"XFD_{name.upper()}_BYTES_PER_S"
            if text := environ.get(variable):
                try:
                    rates[name] = float(text)
                except ValueError:
                    raise InvalidRequestError(
                        f"{variable} is {text!r}",
                        remedy="Set it to bytes per second, or unset it",
                    ) from None
        return LinkRates(**rates) if rates else None
