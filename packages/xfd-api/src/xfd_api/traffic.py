"""Bytes moved within and across zones, and their cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from xfd_api.errors import InvalidRequestError

GB = 10**9


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of moving 10**9 bytes, in any one currency.

    Attributes:
        origin_per_gb: for bytes read from the origin, into any zone.
        across_zones_per_gb: for bytes sent by a peer in another zone.
        within_zone_per_gb: for bytes sent by a peer in the same zone.

    Raises:
        InvalidRequestError: a price is negative or not finite.

    Example:
        >>> Prices(origin_per_gb=0.09).across_zones_per_gb
        0.0
    """

    origin_per_gb: float = 0.0
    across_zones_per_gb: float = 0.0
    within_zone_per_gb: float = 0.0

    def __post_init__(self) -> None:
        for each in fields(self):
            price = getattr(self, each.name)
            if not (math.isfinite(price) and price >= 0):
                raise InvalidRequestError(
                    f"{each.name} is {price}", remedy="Use a number of 0 or more"
                )


@dataclass(frozen=True, slots=True)
class ZoneBytes:
    """Bytes that nodes of one zone received from another, or from the origin.

    Attributes:
        source: the zone of the senders; None is the origin.
        target: the zone of the receivers.
        bytes: in all.
    """

    source: str | None
    target: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes moved, by pairs of zones. A swarm without zones is one zone with an empty name.

    Attributes:
        moved: bytes of each pair of zones, sorted, the origin first.
        prices: for `estimated_cost`, if they were given.
    """

    moved: tuple[ZoneBytes, ...] = ()
    prices: Prices | None = None

    @classmethod
    def of(cls, moved: Mapping[tuple[str | None, str], int]) -> Traffic:
        """Makes it from bytes by (source, target)."""
        pairs = sorted(moved, key=lambda pair: (pair[0] is not None, pair[0] or "", pair[1]))
        return cls(tuple(ZoneBytes(*pair, moved[pair]) for pair in pairs if moved[pair]))

    def at(self, prices: Prices | None) -> Traffic:
        """The same bytes at these prices."""
        return replace(self, prices=prices)

    def since(self, before: Traffic) -> Traffic:
        """The bytes moved since `before`, an earlier state of the same swarm."""
        then = {(each.source, each.target): each.bytes for each in before.moved}
        return Traffic.of(
            {
                (each.source, each.target): each.bytes - then.get((each.source, each.target), 0)
                for each in self.moved
            }
        ).at(self.prices)

    def plus(self, more: Traffic) -> Traffic:
        """This and `more` together, at the prices of this."""
        moved = {(each.source, each.target): each.bytes for each in self.moved}
        for each in more.moved:
            pair = (each.source, each.target)
            moved[pair] = moved.get(pair, 0) + each.bytes
        return Traffic.of(moved).at(self.prices)

    @property
    def origin_bytes_by_zone(self) -> dict[str, int]:
        """Bytes read from the origin, by the zone that read them."""
        return {each.target: each.bytes for each in self.moved if each.source is None}

    @property
    def origin_bytes(self) -> int:
        """Bytes read from the origin."""
        return sum(self.origin_bytes_by_zone.values())

    @property
    def within_zones_bytes(self) -> int:
        """Bytes that peers sent inside their zones."""
        return sum(each.bytes for each in self.moved if each.source == each.target)

    @property
    def across_zones_bytes(self) -> int:
        """Bytes that peers sent into other zones."""
        return sum(
            each.bytes
            for each in self.moved
            if each.source is not None and each.source != each.target
        )

    @property
    def estimated_cost(self) -> float | None:
        """The cost at `prices`, in their currency; None without prices."""
        prices = self.prices
        if prices is None:
            return None
        return (
            prices.origin_per_gb * self.origin_bytes
            + prices.across_zones_per_gb * self.across_zones_bytes
            + prices.within_zone_per_gb * self.within_zones_bytes
        ) / GB
