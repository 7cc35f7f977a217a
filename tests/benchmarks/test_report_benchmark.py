"""The benchmark of reports counts what it says."""

from __future__ import annotations

from benchmarks.report.costs import costs


def test_a_longer_run_weighs_no_more_than_the_bound_allows():
    small, large = costs(2, 8), costs(40, 1000)
    assert 0 < small["us per transfer"] < 1000
    assert small["kB to the driver"] < 3
    assert small["kB of JSON"] < large["kB of JSON"] < 1500
    assert large["kB to the driver"] < 1000
    assert large["kB of the page"] < 1300
