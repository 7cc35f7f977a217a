"""The dashboard and the rules name metrics that there are, and land where Ray wants them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
import yaml
from ray.dashboard.modules.metrics.templates import (
    DASHBOARD_PROVISIONING_TEMPLATE,
    PROMETHEUS_YML_TEMPLATE,
)

from xfd_api.errors import DestinationNotWritableError, InvalidRequestError
from xfd_api.metrics import ANY, METRICS, Metric
from xfd_ray.cli.dashboards import in_words
from xfd_ray.cli.main import run as main
from xfd_ray.dashboards.install import Installed, into_folder, into_session

LEFT_OUT: dict[str, str] = {}
"""Metrics that no panel shows, and why."""

BY_NAME = {row.name: row for row in METRICS}
RAYS_LABELS = {"SessionName", "ray_io_cluster", "instance", "le"}
MATCHERS = re.compile(r'(\w+)\s*(?:=~|!=|=)\s*"([^"]*)"')


def packaged(name: str) -> str:
    return resources.files("xfd_ray.dashboards").joinpath(name).read_text()


def of_panels() -> Iterator[str]:
    for panel in json.loads(packaged("xfd.json"))["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"].replace("${names}", "xfd")


def of_rules() -> Iterator[str]:
    for group in yaml.safe_load(packaged("rules.yml"))["groups"]:
        for rule in group["rules"]:
            yield re.sub(r'\{__name__=~"\(ray_\)\?(\w+)"(?:, )?', r"\1{", rule["expr"])


def named(expressions: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Each name of a metric, and what is between the braces behind it."""
    for expression in expressions:
        for name, _, matchers in re.findall(
            r"(?<![:\w])(xfd_\w+?)(_bucket|_sum|_count)?(?![\w:])(?:\{([^}]*)\})?", expression
        ):
            yield name, matchers


@pytest.mark.parametrize("expressions", [of_panels, of_rules])
def test_each_metric_of_an_expression_is_in_the_table_with_its_label(expressions) -> None:
    found = list(named(expressions()))
    assert len(found) > 5
    assert {name for name, _ in found} - set(BY_NAME) == set()
    for name, matchers in found:
        for label, value in MATCHERS.findall(matchers):
            assert label in RAYS_LABELS or is_of(BY_NAME[name], label, value), (name, label, value)


def is_of(row: Metric, label: str, pattern: str) -> bool:
    known = ANY in row.series or set(pattern.split("|")) <= set(row.series)
    return label == row.label and known


def test_each_metric_is_on_a_panel_or_left_out_by_name() -> None:
    shown = {name for name, _ in named(of_panels())}
    assert set(BY_NAME) - shown == set(LEFT_OUT)


def test_panels_have_titles_and_descriptions_and_stand_apart() -> None:
    panels = json.loads(packaged("xfd.json"))["panels"]
    shown = [panel for panel in panels if panel["type"] != "row"]
    titles = [panel["title"] for panel in panels]
    assert len(set(titles)) == len(titles)
    assert all(panel["description"] for panel in shown)
    places = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24


def test_each_command_that_an_alert_names_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    commands = set(re.findall(r"`xfd ([a-z ]+)`", packaged("rules.yml")))
    assert {"status", "cache prune"} <= commands
    for command in commands:
        assert main([*command.split(), "--help"]) == 0, command
        assert f"usage: xfd {command} " in capsys.readouterr().out


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A session's folder as Ray's dashboard leaves it."""
    session = tmp_path / "session_1"
    grafana, prometheus = session / "metrics" / "grafana", session / "metrics" / "prometheus"
    provisioning = grafana / "provisioning" / "dashboards"
    for folder in (provisioning, prometheus, grafana / "dashboards"):
        folder.mkdir(parents=True)
    (provisioning / "default.yml").write_text(
        DASHBOARD_PROVISIONING_TEMPLATE.format(dashboard_output_folder=grafana / "dashboards")
    )
    (prometheus / "prometheus.yml").write_text(
        PROMETHEUS_YML_TEMPLATE.format(prom_metrics_service_discovery_file_path="/d.json")
    )
    return session


def test_both_land_where_rays_grafana_and_prometheus_look(session: Path) -> None:
    installed = into_session(session, {})
    folder = session / "metrics" / "grafana" / "dashboards"
    assert installed.dashboard == str(folder / "xfd.json")
    assert (folder / "xfd.json").read_text() == packaged("xfd.json")
    assert Path(installed.rules).read_text() == packaged("rules.yml")
    assert installed.is_rules_loaded
    config = session / "metrics" / "prometheus" / "prometheus.yml"
    assert yaml.safe_load(config.read_text())["rule_files"] == ["xfd_rules.yml"]
    assert yaml.safe_load(config.read_text())["scrape_configs"]
    assert Path(installed.rules) == config.with_name("xfd_rules.yml")

    again = config.read_text()
    assert into_session(session, {}) == installed
    assert config.read_text() == again
    assert [path.name for path in folder.iterdir()] == ["xfd.json"]


def test_rules_that_somebody_else_loads_are_left_alone(session: Path) -> None:
    config = session / "metrics" / "prometheus" / "prometheus.yml"
    config.write_text("rule_files: [mine.yml]\n")
    installed = into_session(session, {})
    assert not installed.is_rules_loaded
    assert config.read_text() == "rule_files: [mine.yml]\n"
    assert any(str(config) in line and "Add the rules" in line for line in in_words(installed))


def test_the_folder_of_rays_variable_counts(session: Path, tmp_path: Path) -> None:
    moved = (session / "metrics").rename(tmp_path / "elsewhere")
    default = moved / "grafana" / "provisioning" / "dashboards" / "default.yml"
    default.write_text(DASHBOARD_PROVISIONING_TEMPLATE.format(dashboard_output_folder="/nowhere"))
    default.write_text(default.read_text().replace("/nowhere", str(tmp_path / "shown")))
    (tmp_path / "shown").mkdir()
    installed = into_session(session, {"RAY_METRICS_OUTPUT_ROOT": str(moved)})
    assert installed.dashboard == str(tmp_path / "shown" / "xfd.json")


@pytest.mark.parametrize(
    "text", [None, "", "[]", "providers: []", "providers: [{options: 1}]", "{"]
)
def test_a_session_without_rays_folders_is_named(session: Path, text: str | None) -> None:
    default = session / "metrics" / "grafana" / "provisioning" / "dashboards" / "default.yml"
    if text is None:
        default.unlink()
    else:
        default.write_text(text)
    with pytest.raises(InvalidRequestError, match="--to DIR") as raised:
        into_session(session, {})
    assert raised.value.path == str(default)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DestinationNotWritableError) as raised:
        into_folder(tmp_path / "file")
    assert raised.value.path == str(tmp_path / "file")


def test_the_command_copies_into_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dashboards", "install", "--to", str(tmp_path / "new")]) == 0
    assert "Import the dashboard in Grafana" in capsys.readouterr().out
    assert main(["dashboards", "install", "--to", str(tmp_path / "new"), "--json"]) == 0
    assert Installed(**json.loads(capsys.readouterr().out)) == into_folder(tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "xfd.json",
        "xfd_rules.yml",
    ]
