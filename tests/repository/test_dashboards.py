"""The dashboard in the package, and the alerts in the documents, are those of their sources.

After a change: `python -m dashboards`.
"""

from __future__ import annotations

from types import ModuleType

import pytest
from dashboards import document


@pytest.fixture
def build() -> ModuleType:
    """Skipped without `grafana_foundation_sdk`, which needs Python 3.11."""
    module = pytest.importorskip("dashboards.build")
    assert isinstance(module, ModuleType)
    return module


def test_the_dashboard_is_the_one_that_its_table_makes(build: ModuleType) -> None:
    assert build.FILE.read_text() == build.build()


def test_a_metric_gets_the_variables_of_the_dashboard(build: ModuleType) -> None:
    labels = 'SessionName=~"$SessionName",ray_io_cluster=~"$Cluster"'
    assert build.in_grafana("sum(xfd_swarms) / 2") == f"sum(${{names}}_swarms{{{labels}}}) / 2"
    assert (
        build.in_grafana('rate(xfd_bytes_total{source="peer"}[1m])')
        == f'rate(${{names}}_bytes_total{{source="peer",{labels}}}[1m])'
    )


def test_the_alerts_of_the_document_are_those_of_the_rules() -> None:
    text = document.FILE.read_text()
    table = document.alerts_of(document.RULES.read_text())
    assert document.with_alerts(text, table) == text
