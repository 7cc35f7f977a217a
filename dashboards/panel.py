"""What a panel is: its text, its look, and the queries that it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "lines", "table"]


@dataclass(frozen=True)
class Query:
    """One expression of a panel, and the name of its series, with `{{label}}`."""

    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        description: what a reader should know to judge it.
        unit: Grafana's name of the unit.
        warns_at: from this value on it is orange; None for a panel that judges nothing.
        alarms_at: from this value on it is red; below `warns_at`, small values are the bad ones.
        width: of 24 columns.
    """

    title: str
    description: str
    kind: Kind
    queries: tuple[Query, ...]
    unit: str = "short"
    warns_at: float | None = None
    alarms_at: float | None = None
    width: int = 12


@dataclass(frozen=True)
class Row:
    """Panels below one heading, each `height` units of 36 pixels high."""

    title: str
    height: int
    panels: tuple[Panel, ...]
