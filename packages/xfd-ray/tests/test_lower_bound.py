"""The bound of a distribution, term by term."""

import pytest

from xfd_ray.coordinator.lower_bound import (
    bound_s,
    bound_with_source,
)
from xfd_ray.coordinator.rate_meter import RateMeter, observed_rates
from xfd_ray.link_rates import LinkRates

F = 1000


@pytest.mark.parametrize(
    ("rates", "seconds"),
    [
        (LinkRates(origin=100), 10.0),  # F / S
        (LinkRates(origin=1000, down=50), 20.0),  # F / d
        (LinkRates(origin=1000, down=500, write=40), 25.0),  # the disk is slower than the link
        (LinkRates(origin=1000, down=500, up=100), 7.5),  # (N - 1) F / (N u)
    ],
)
def test_the_slowest_part_sets_the_bound(rates, seconds):
    assert bound_s([F] * 4, F, 3 * F, rates) == pytest.approx(seconds)


def test_only_what_was_missing_counts():
    rates = LinkRates(origin=100, down=100, up=100)
    # One of two nodes had everything: nothing leaves the origin, one node receives.
    assert bound_s([0, F], 0, F, rates) == pytest.approx(10.0)
    assert bound_s([0, 0], 0, 0, rates) is None


def test_what_the_origin_sent_twice_no_peer_had_to_send():
    rates = LinkRates(origin=1000, down=500, up=100)
    assert bound_s([F] * 4, F, 2 * F, rates) == pytest.approx(5.0)  # (N - 2) F / (N u)


def test_without_rates_the_bound_is_unknown():
    assert bound_with_source([F], F, 0, 60.0, None, LinkRates()) == (None, None)


def test_configured_rates_are_preferred_to_observed_ones():
    observed, run_s = LinkRates(origin=10), 200.0
    configured = LinkRates(origin=100)
    assert bound_with_source([F], F, 0, run_s, configured, observed) == (10.0, "configured")
    assert bound_with_source([F], F, 0, run_s, None, observed) == (100.0, "observed")


@pytest.mark.parametrize(
    ("run_s", "configured", "observed", "bound"),
    [
        (10.0, None, LinkRates(origin=200), (5.0, "observed")),
        # A window of a second that is not full shows less than the run's own mean rate.
        (3.0, None, LinkRates(origin=200), (3.0, "observed")),
        (2.5, None, LinkRates(origin=1000, down=1000, up=100), (2.5, "observed")),
        (0.4, None, LinkRates(origin=1000), (None, None)),
        (0.4, LinkRates(origin=10_000), LinkRates(), (0.1, "configured")),
        # The run was quicker than what was configured: that is not what limits.
        (0.4, LinkRates(origin=100), LinkRates(), (0.4, "observed")),
        (0.0, LinkRates(origin=100), LinkRates(), (0.0, "observed")),
    ],
)
def test_no_bound_is_above_the_time_that_the_run_took(run_s, configured, observed, bound):
    assert bound_with_source([F] * 4, F, 3 * F, run_s, configured, observed) == bound


def test_a_run_of_a_moment_is_never_better_than_its_bound():
    """The fault as it was: what took 0.3 s was held to a window of a second."""
    meter = RateMeter()
    meter.add(end=100.3, seconds=0.3, size=F)
    for run_s in (0.3, 1.9, 2.0, 2.1):
        bound, _ = bound_with_source([F], F, 0, run_s, None, observed_rates(meter, [meter], []))
        assert bound is None or bound <= run_s


def test_the_peak_rate_is_that_of_the_busiest_second():
    meter = RateMeter()
    assert meter.peak() is None
    meter.add(end=1.0, seconds=0.9, size=100)
    for k in range(10):  # ten transfers of 2 s side by side
        meter.add(end=12.0 - k * 0.01, seconds=2.0, size=200)
    assert meter.peak() == pytest.approx(1000, rel=0.25)


def test_observed_rates_are_the_best_of_any_node():
    slow, fast = RateMeter(), RateMeter()
    slow.add(1.0, 1.0, 10)
    fast.add(1.0, 1.0, 1000)
    rates = observed_rates(RateMeter(), [slow, fast], [])
    assert rates.origin is None
    assert rates.up is None
    assert rates.down == fast.peak()


def test_empty_objects_show_no_rate():
    meter = RateMeter()
    meter.add(1.0, 0.5, 0)
    assert meter.peak() is None
