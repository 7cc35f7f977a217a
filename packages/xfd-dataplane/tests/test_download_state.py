"""One host's decisions: given what happened, these orders."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from xfd_api.errors import (
    ChecksumMismatchError,
    DiskFullError,
    ObjectChangedError,
    OriginThrottledError,
    OriginTimeoutError,
    XfdError,
)
from xfd_api.ids import ChunkIndex, ObjectIndex, OrderId
from xfd_api.orders import Discard, Fetch
from xfd_api.reports import (
    LONGEST_RESET_S,
    ChunkHeld,
    HeldRun,
    Inventory,
    ObjectFailed,
    ObjectLanded,
    OrderFailed,
)
from xfd_api.testing.catalogs import catalog_of
from xfd_dataplane.download_state import FIRST_REST_S, LONGEST_REST_S, ORDER_ATTEMPTS, DownloadState

MIB = 2**20
THREE_CHUNKS = {"a": 3 * MIB}


def host_of(sizes: dict[str, int]) -> DownloadState:
    return DownloadState(catalog_of(sizes), seed=1)


def ranges(orders: Sequence[Fetch]) -> list[tuple[int, int]]:
    return [(order.first_chunk, order.count) for order in orders]


def held(chunk: int, order: int = 0) -> ChunkHeld:
    return ChunkHeld(OrderId(order), ChunkIndex(chunk), 7, None, MIB, 0.1, 0.1)


def failed(chunk: int, error: XfdError, **more: object) -> OrderFailed:
    return OrderFailed(OrderId(0), ChunkIndex(chunk), None, error, "origin", **more)  # type: ignore[arg-type]


def landed(index: int) -> ObjectLanded:
    return ObjectLanded(ObjectIndex(index))


def test_an_empty_disk_gets_one_order_for_everything() -> None:
    host = host_of({"a": 3 * MIB, "b": 2 * MIB})

    assert host.inventory_taken(Inventory()) == [Fetch(OrderId(0), ChunkIndex(0), 5, None)]
    assert not host.done


def test_what_is_ordered_is_outstanding_until_it_is_held() -> None:
    host = host_of(THREE_CHUNKS)
    host.inventory_taken(Inventory(held=(HeldRun(ChunkIndex(0), (7,)),)))
    assert host.outstanding == 2

    host.handle(failed(1, OriginThrottledError("slow down")), now=1.0)
    assert host.outstanding == 2

    host.handle(held(2), now=1.0)
    assert host.outstanding == 1


def test_the_last_landing_ends_it() -> None:
    host = host_of(THREE_CHUNKS)
    host.inventory_taken(Inventory())

    for chunk in range(3):
        host.handle(held(chunk), now=1.0)
    assert not host.done
    host.handle(landed(0), now=1.0)

    assert host.done
    assert host.fetched == {0: 3 * MIB}


def test_what_an_earlier_run_left_is_not_fetched() -> None:
    host = host_of({"a": 5 * MIB})

    orders = host.inventory_taken(
        Inventory(held=(HeldRun(ChunkIndex(1), (None,)), HeldRun(ChunkIndex(3), (5,))))
    )

    assert ranges(orders) == [(0, 1), (2, 1), (4, 1)]
    assert len({order.first_order for order in orders}) == 3
    assert host.held_at_start == 2 * MIB


def test_a_valid_cache_is_the_end_at_once() -> None:
    host = host_of({"a": MIB, "b": MIB})

    orders = host.inventory_taken(
        Inventory(
            held=(HeldRun(ChunkIndex(0), (None, None)),),
            landed=(ObjectIndex(0), ObjectIndex(1)),
            cached_bytes=2 * MIB,
        )
    )

    assert (orders, host.done) == ([], True)
    assert (host.cached_bytes, host.held_at_start) == (2 * MIB, 0)


def test_a_failed_order_rests_and_is_given_again_under_a_new_number() -> None:
    host = host_of(THREE_CHUNKS)
    host.inventory_taken(Inventory())

    host.handle(failed(1, OriginThrottledError("slow down")), now=10.0)
    wakeup = host.next_wakeup()

    assert wakeup is not None
    assert 10.0 + FIRST_REST_S / 2 <= wakeup <= 10.0 + FIRST_REST_S
    assert host.due(10.0) == []
    assert host.due(wakeup) == [Fetch(OrderId(3), ChunkIndex(1), 1, None)]
    assert (host.due(wakeup), host.next_wakeup(), host.retried) == ([], None, 1)


@pytest.mark.parametrize(
    ("asked", "rests"),
    [
        (25.0, 25.0),
        (99999999.0, LONGEST_RESET_S),
        (math.inf, LONGEST_RESET_S),
        (0.0, FIRST_REST_S),
        (-5.0, FIRST_REST_S),
        (math.nan, FIRST_REST_S),
    ],
)
def test_a_source_that_asks_for_time_gets_it_within_reason(asked: float, rests: float) -> None:
    host = host_of(THREE_CHUNKS)
    host.inventory_taken(Inventory())

    host.handle(failed(1, OriginThrottledError("slow down"), retry_after_s=asked), now=10.0)

    wakeup = host.next_wakeup()
    assert wakeup is not None
    assert 10.0 + rests / 2 <= wakeup <= 10.0 + rests


def test_a_reset_is_no_attempt_unless_nothing_comes_between_several() -> None:
    host = host_of(THREE_CHUNKS)
    host.inventory_taken(Inventory())
    error = OriginThrottledError("slow down")
    now = 0.0

    for _ in range(3 * ORDER_ATTEMPTS):
        for chunk in (1, 2):
            host.handle(failed(chunk, error, retry_after_s=300.0), now)
        assert host.origin_rest_s(now + 100.0) == 200.0
        host.handle(held(0), now)
        now += 300.0
        assert {order.first_chunk for order in host.due(now) if isinstance(order, Fetch)} == {1}
    assert (host.failure, host.retried, host.origin_rest_s(now)) == (None, 0, 0.0)
    for _ in range(ORDER_ATTEMPTS):
        assert host.failure is None
        host.handle(failed(1, error, retry_after_s=300.0), now)
        now += 300.0

    assert host.failure is error


def test_rests_grow_to_a_limit_and_end_in_failure() -> None:
    host = host_of(THREE_CHUNKS)
    host.inventory_taken(Inventory())
    error = OriginThrottledError("slow down")
    rests = []

    for _ in range(ORDER_ATTEMPTS - 1):
        host.handle(failed(0, error), now=0.0)
        wakeup = host.next_wakeup()
        assert wakeup is not None
        rests.append(wakeup)
        host.due(wakeup)
    assert host.failure is None
    host.handle(failed(0, error), now=0.0)

    assert host.failure is error
    assert rests == sorted(rests)
    assert rests[-1] <= LONGEST_REST_S


def test_a_silent_origin_is_given_up_sooner_than_one_that_refuses() -> None:
    host = host_of(THREE_CHUNKS)
    host.inventory_taken(Inventory())
    error = OriginTimeoutError("nothing came")

    host.handle(failed(0, error), now=0.0)
    assert host.failure is None
    host.handle(failed(0, error), now=60.0)

    assert host.failure is error


def test_a_final_error_is_the_first_and_only_one() -> None:
    host = host_of(THREE_CHUNKS)
    host.inventory_taken(Inventory())
    full = DiskFullError("full")

    host.handle(failed(0, full, final=True), now=1.0)
    host.handle(ObjectFailed(ObjectIndex(0), DiskFullError("later")), now=2.0)

    assert host.failure is full


def test_an_overwritten_object_is_not_asked_for_again() -> None:
    host = host_of(THREE_CHUNKS)
    host.inventory_taken(Inventory())
    changed = ObjectChangedError("changed")

    host.handle(failed(0, changed), now=1.0)

    assert host.failure is changed
    assert host.next_wakeup() is None


def suspect(index: int) -> ObjectFailed:
    error = ChecksumMismatchError("the whole is wrong")
    return ObjectFailed(ObjectIndex(index), error, chunks_suspect=True)


def test_an_object_with_a_bad_whole_is_read_once_more_and_then_given_up() -> None:
    host = host_of({"a": 2 * MIB, "b": 2 * MIB})
    host.inventory_taken(Inventory())
    for chunk in range(4):
        host.handle(held(chunk), now=1.0)
    bad = (ChunkIndex(2), ChunkIndex(3))

    host.handle(suspect(1), now=2.0)

    assert host.failure is None
    assert host.due(2.0) == [Discard(bad), Fetch(OrderId(4), ChunkIndex(2), 2, None)]

    host.handle(suspect(1), now=3.0)

    assert isinstance(host.failure, ChecksumMismatchError)
    assert host.due(3.0) == [Discard(bad)], "a later run starts without them"


def test_neighbours_in_a_bad_pack_land_again() -> None:
    host = host_of({"a": 10, "b": 20})
    host.inventory_taken(Inventory())
    host.handle(held(0), now=1.0)
    host.handle(landed(0), now=1.0)

    host.handle(suspect(1), now=2.0)
    assert host.due(2.0) == [
        Discard((ChunkIndex(0),)),
        Fetch(OrderId(1), ChunkIndex(0), 1, None),
    ]
    host.handle(landed(1), now=3.0)

    assert not host.done
    host.handle(landed(0), now=3.0)
    assert host.done


def test_an_object_that_another_process_writes_is_waited_for() -> None:
    host = host_of({"a": 3 * MIB, "b": 2 * MIB})

    orders = host.inventory_taken(Inventory(elsewhere=((ObjectIndex(0), None),)))
    assert ranges(orders) == [(3, 2)]
    assert host.busy == {0}

    assert host.inventory_taken(Inventory(elsewhere=((ObjectIndex(0), None),))) == []
    host.handle(landed(1), now=1.0)
    assert not host.done

    assert host.inventory_taken(Inventory(landed=(ObjectIndex(0), ObjectIndex(1)))) == []
    assert host.done
    assert not host.busy


def test_an_object_that_its_writer_gave_up_is_taken_over() -> None:
    host = host_of({"a": 3 * MIB, "b": 2 * MIB})
    host.inventory_taken(Inventory(elsewhere=((ObjectIndex(0), None),)))

    orders = host.inventory_taken(Inventory(held=(HeldRun(ChunkIndex(0), (None,)),)))

    assert ranges(orders) == [(1, 2)]
