"""Bytes within and across zones, their difference over time, and their cost."""

from __future__ import annotations

import pickle

import pytest

from xfd_api.errors import InvalidRequestError
from xfd_api.traffic import Prices, Traffic, ZoneBytes

GB = 10**9
MOVED = {(None, "b"): GB, ("a", "a"): 4 * GB, ("a", "b"): 2 * GB, (None, "a"): 3 * GB}


def test_pairs_of_zones_are_sorted_and_summed() -> None:
    traffic = Traffic.of(MOVED)
    assert traffic.moved[:2] == (ZoneBytes(None, "a", 3 * GB), ZoneBytes(None, "b", GB))
    assert traffic.origin_bytes_by_zone == {"a": 3 * GB, "b": GB}
    assert traffic.origin_bytes == 4 * GB
    assert traffic.within_zones_bytes == 4 * GB
    assert traffic.across_zones_bytes == 2 * GB


def test_each_kind_of_byte_has_its_price() -> None:
    assert Traffic.of(MOVED).estimated_cost is None
    prices = Prices(origin_per_gb=1.0, across_zones_per_gb=0.1, within_zone_per_gb=0.01)
    assert Traffic.of(MOVED).at(prices).estimated_cost == pytest.approx(4.0 + 0.2 + 0.04)


def test_a_lease_that_came_later_counts_from_then() -> None:
    prices = Prices(origin_per_gb=1.0)
    before = Traffic.of({(None, "a"): 3 * GB}).at(prices)
    since = Traffic.of(MOVED).at(prices).since(before)
    assert since.origin_bytes_by_zone == {"b": GB}
    assert since.estimated_cost == pytest.approx(1.0)


def test_a_swarm_without_zones_is_one_zone() -> None:
    traffic = Traffic.of({(None, ""): 5, ("", ""): 10})
    assert traffic.within_zones_bytes == 10
    assert traffic.across_zones_bytes == 0


def test_it_travels() -> None:
    traffic = Traffic.of(MOVED).at(Prices(1.0))
    assert pickle.loads(pickle.dumps(traffic)) == traffic


@pytest.mark.parametrize("price", [-0.1, float("nan"), float("inf")])
def test_a_price_is_a_number_of_zero_or_more(price: float) -> None:
    with pytest.raises(InvalidRequestError, match="across_zones_per_gb"):
        Prices(across_zones_per_gb=price)
