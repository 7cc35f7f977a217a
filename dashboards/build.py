"""Makes the dashboard's JSON of the table of panels: `python -m dashboards`.

The variables are those of Ray's own dashboards, so that links between them keep the session and the
cluster. Grafana 10.4 and later read the result.
"""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.panel import Kind, Panel
from dashboards.panels import ROWS

Shown = stat.Panel | table.Panel | timeseries.Panel

FILE = Path(__file__).parents[1] / "packages/xfd-ray/src/xfd_ray/dashboards/xfd.json"
UID = "xfdDashboard"
SOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
LABELS = 'SessionName=~"$SessionName",ray_io_cluster=~"$Cluster"'
ANY = ".*"
"""Also no such label: series of own ports have none, and only KubeRay names the cluster."""
WIDTH = 24


def in_grafana(expression: str) -> str:
    """An expression with the variables of the dashboard in it."""

    def replaced(found: re.Match[str]) -> str:
        given = f"{found[2]}," if found[2] else ""
        return f"${{names}}_{found[1]}{{{given}{LABELS}}}"

    return re.sub(r"\bxfd_(\w+)(?:\{([^}]*)\})?", replaced, expression)


def build() -> str:
    """The whole dashboard, as text of a file."""
    made = (
        builders.Dashboard("xfd: file distribution")
        .uid(UID)
        .description("What xfd distributes on a Ray cluster, and how well.")
        .tags(["ray", "xfd"])
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .time("now-30m", "now")
        .refresh("10s")
        .editable()
        .variables(_variables())
    )
    ids = itertools.count(1)
    y = 0
    for row in ROWS:
        heading = builders.Row(row.title).id(next(ids))
        made = made.with_row(heading.grid_pos(dashboard.GridPos(1, WIDTH, 0, y)))
        x, y = 0, y + 1
        for panel in row.panels:
            if x + panel.width > WIDTH:
                x, y = 0, y + row.height
            place = dashboard.GridPos(row.height, panel.width, x, y)
            made = made.with_panel(_panel(panel).id(next(ids)).grid_pos(place))
            x += panel.width
        y += row.height
    return json.dumps(json.loads(json.dumps(made.build(), cls=JSONEncoder)), indent=1) + "\n"


def _variables() -> list[Builder[dashboard.VariableModel]]:
    source = builders.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    options = [
        dashboard.VariableOption(True, "Ray's agents", "ray_xfd"),
        dashboard.VariableOption(False, "ports of their own", "xfd"),
    ]
    names = (
        builders.CustomVariable("names")
        .label("Scraped from")
        .description("Metrics have the prefix ray_ if Ray's agents export them")
        .values(",".join(f"{each.text} : {each.value}" for each in options))
        .options(options)
        .current(options[0])
    )
    labels = (
        ("SessionName", "Session", "SessionName"),
        ("Cluster", "Cluster", "ray_io_cluster"),
    )
    return [source, names, *(_label_variable(*each) for each in labels)]


def _label_variable(name: str, title: str, label: str) -> builders.QueryVariable:
    query = f"label_values(${{names}}_bytes_total, {label})"
    return (
        builders.QueryVariable(name)
        .label(title)
        .datasource(SOURCE)
        .query({"query": query, "refId": "StandardVariableQuery"})
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_DESC)
        .include_all(True)
        .all_value(ANY)
        .current(dashboard.VariableOption(True, "All", "$__all"))
    )


def _panel(panel: Panel) -> Shown:
    made = _shown(panel.kind)
    made.title(panel.title).description(panel.description).datasource(SOURCE).unit(panel.unit)
    made.thresholds(_thresholds(panel))
    for place, query in enumerate(panel.queries):
        asked = (
            prometheus.Dataquery()
            .expr(in_grafana(query.expression))
            .legend_format(query.legend or panel.title)
            .ref_id(chr(ord("A") + place))
            .datasource(SOURCE)
        )
        asked = asked.range() if panel.kind == "lines" else asked.instant()
        if panel.kind == "table":
            asked = asked.format(PromQueryFormat.TABLE)
        made.with_target(asked)
    return made


def _shown(kind: Kind) -> Shown:
    if kind == "table":
        shown = {"excludeByName": {"Time": True}, "renameByName": {"Value": "now"}}
        return table.Panel().with_transformation(
            dashboard.DataTransformerConfig(id_val="organize", options=shown)
        )
    if kind == "number":
        last = common_builders.ReduceDataOptions().calcs(["lastNotNull"])
        color = common.BigValueColorMode.VALUE
        return stat.Panel().reduce_options(last).color_mode(color).no_value("none")
    legend = (
        common_builders.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.TABLE)
        .placement(common.LegendPlacement.RIGHT)
        .show_legend(True)
        .calcs(["lastNotNull", "max"])
    )
    return timeseries.Panel().legend(legend).fill_opacity(10).min(0)


def _thresholds(panel: Panel) -> builders.ThresholdsConfig:
    steps: list[tuple[str, float | None]]
    if panel.warns_at is None or panel.alarms_at is None:
        steps = [("text", None)]
    elif panel.alarms_at > panel.warns_at:
        steps = [("green", None), ("orange", panel.warns_at), ("red", panel.alarms_at)]
    else:
        steps = [("red", None), ("orange", panel.alarms_at), ("green", panel.warns_at)]
    return (
        builders.ThresholdsConfig()
        .mode(dashboard.ThresholdsMode.ABSOLUTE)
        .steps([dashboard.Threshold(value=value, color=color) for color, value in steps])
    )
