"""The Prometheus of the tests answers queries, and says what it refuses."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from xfd_testing import emulators, prometheus


@pytest.mark.skipif(
    emulators.is_absent(prometheus.VARIABLE, prometheus.PROGRAM),
    reason=f"no {prometheus.PROGRAM} here, and {prometheus.VARIABLE} names none",
)
def test_a_server_answers_queries_and_says_what_it_refuses(tmp_path: Path) -> None:
    config = tmp_path / "prometheus.yml"
    config.write_text("global: {scrape_interval: 1s}\n")
    with prometheus.running(config) as server:
        assert server.query("vector(1)") == [({}, 1.0)]
        assert server.query("scalar(vector(2))") == [({}, 2.0)]
        assert math.isnan(server.value("no_such_metric"))
        assert server.targets() == server.rules() == []
        with pytest.raises(ValueError, match="unclosed left parenthesis"):
            server.query("sum(")


@pytest.mark.skipif(
    emulators.is_absent(prometheus.TOOL_VARIABLE, prometheus.TOOL),
    reason=f"no {prometheus.TOOL} here, and {prometheus.TOOL_VARIABLE} names none",
)
def test_promtool_says_what_is_wrong() -> None:
    good = "# HELP ok_total A counter\n# TYPE ok_total counter\nok_total 1\n"
    assert prometheus.promtool(["check", "metrics"], good) == ""
    with pytest.raises(ValueError, match='counter metrics should have "_total" suffix'):
        prometheus.promtool(["check", "metrics"], good.replace("_total", ""))
