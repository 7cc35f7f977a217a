"""The rate of late: soon right, steady, and honest when nothing comes any more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xfd_api.smoothed_rate import HALF_LIFE_S, SmoothedRate, seconds_left

MIB = 2**20


def test_before_a_second_is_over_no_rate_is_known() -> None:
    rate = SmoothedRate()
    rate.add(10.0, 5 * MIB)
    assert rate.per_s is None
    rate.add(10.5, 9 * MIB)
    assert rate.per_s is None
    rate.add(11.0, 9 * MIB)
    assert rate.per_s == pytest.approx(4 * MIB)


def test_what_was_there_before_the_first_total_is_no_rate() -> None:
    rate = SmoothedRate()
    rate.add(0.0, 100 * MIB)
    rate.add(2.0, 100 * MIB)
    assert rate.per_s == 0.0


def test_after_a_half_life_a_change_counts_half() -> None:
    rate = SmoothedRate()
    for second in range(100):
        rate.add(float(second), second * MIB)
    rate.add(99.0 + HALF_LIFE_S, 99 * MIB)
    assert rate.per_s == pytest.approx(MIB / 2)


def test_a_worker_that_counts_anew_has_no_negative_rate() -> None:
    rate = SmoothedRate()
    for now, total in ((0.0, 0), (1.0, MIB), (2.0, 0), (3.0, MIB)):
        rate.add(now, total)
    assert rate.per_s == pytest.approx(MIB)


@given(st.lists(st.tuples(st.floats(0.001, 60.0), st.integers(0, 2**40)), min_size=1))
def test_it_is_never_outside_of_what_was_seen(steps: list[tuple[float, int]]) -> None:
    rate, now, total = SmoothedRate(), 0.0, 0
    rate.add(now, total)
    fastest = 0.0
    for elapsed_s, moved in steps:
        now, total = now + elapsed_s, total + moved
        rate.add(now, total)
        fastest = max(fastest, moved / elapsed_s)
    assert rate.per_s is None or 0.0 <= rate.per_s <= fastest * (1 + 1e-9)


@pytest.mark.parametrize(
    ("missing", "rate", "left_s"),
    [
        (10, None, None),
        (10, 0.0, None),
        (10, 5.0, 2.0),
        (0, 5.0, 0.0),
        (2**40, 5e-324, None),
        (2**40, 1e-9, None),
        (2**50, 2.0**30, 2.0**20),
    ],
)
def test_what_is_left_is_said_if_it_can_be(
    missing: int, rate: float | None, left_s: float | None
) -> None:
    assert seconds_left(missing, rate) == left_s
