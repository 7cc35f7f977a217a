"""The table of alerts in docs/monitoring.md, made from the rules."""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
RULES = ROOT / "packages/xfd-ray/src/xfd_ray/dashboards/rules.yml"
FILE = ROOT / "docs/monitoring.md"
FIRST = "<!-- From rules.yml: run `python -m dashboards` after a change. -->"
LAST = "<!-- End of the alerts. -->"


def alerts_of(rules: str) -> str:
    """One line for each alert, in Markdown."""
    lines = ["| alert | severity | what | what to do |", "|---|---|---|---|"]
    for group in yaml.safe_load(rules)["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                said = rule["annotations"]
                severity = rule["labels"]["severity"]
                what, to_do = said["summary"].strip(), said["description"].strip()
                lines.append(f"| `{rule['alert']}` | {severity} | {what} | {to_do} |")
    return "\n".join(lines)


def with_alerts(document: str, table: str) -> str:
    """The document with this table between its markers.

    Raises:
        ValueError: a marker is missing.
    """
    before, first, rest = document.partition(FIRST)
    _, last, after = rest.partition(LAST)
    if not (first and last):
        raise ValueError(f"{FILE} lacks a marker of the table of alerts")
    return f"{before}{FIRST}\n\n{table}\n\n{LAST}{after}"
