"""What `xfd doctor` finds: one finding per check and node, and how alike ones are told. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from xfd_api.ids import NodeId

State = Literal["ok", "warn", "fail"]
_RANK: dict[State, int] = {"fail": 0, "warn": 1, "ok": 2}

MOST_NAMES = 3
"""Nodes that a row names; of more it says how many."""

MOST_ROWS = 4
"""Rows of one check that are well; of more it says how many."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one node, or of the cluster.

    Attributes:
        check: its name, such as "disk".
        node: None for the cluster as a whole.
        state: "warn" is worth knowing, and files are distributed all the same.
        what: what is so.
        remedy: what to do about it; empty if nothing is to be done.
    """

    check: str
    node: NodeId | None
    state: State
    what: str
    remedy: str = ""


def document(findings: Sequence[Finding], names: Mapping[NodeId, str]) -> dict[str, Any]:
    """The findings for a program."""
    return {
        "ok": all(each.state != "fail" for each in findings),
        "findings": [
            {
                "check": each.check,
                "node": each.node,
                "name": None if each.node is None else names.get(each.node),
                "state": each.state,
                "what": each.what,
                "remedy": each.remedy or None,
            }
            for each in findings
        ],
    }


def rows(
    findings: Sequence[Finding], names: Mapping[NodeId, str]
) -> list[tuple[str, str, str, str]]:
    """The findings for a person: check, state, nodes, what (with the remedy).

    Nodes of which the same is so share a row. Of one check, the worst comes first, and of many rows
    that are well some are left out.
    """
    shown: list[tuple[str, str, str, str]] = []
    for check in dict.fromkeys(each.check for each in findings):
        of_check = [each for each in findings if each.check == check]
        alike: dict[tuple[State, str, str], list[NodeId | None]] = {}
        for each in sorted(of_check, key=lambda each: _RANK[each.state]):
            alike.setdefault((each.state, each.what, each.remedy), []).append(each.node)
        well = 0
        left_out: list[NodeId | None] = []
        for (state, what, remedy), nodes in alike.items():
            well += state == "ok"
            if state == "ok" and well > MOST_ROWS:
                left_out += nodes
                continue
            text = f"{what}. {remedy}" if remedy else what
            shown.append((check, state, _named(nodes, names), text))
        if left_out:
            shown.append((check, "ok", f"{len(left_out)} more", "likewise"))
    return shown


def _named(nodes: Sequence[NodeId | None], names: Mapping[NodeId, str]) -> str:
    of_nodes = [names.get(node, node) for node in nodes if node is not None]
    if not of_nodes:
        return "cluster"
    if len(of_nodes) == len(names) > 1:
        return f"all {len(names)}"
    if len(of_nodes) > MOST_NAMES:
        return f"{', '.join(of_nodes[:MOST_NAMES])} and {len(of_nodes) - MOST_NAMES} more"
    return ", ".join(of_nodes)


def summary(findings: Sequence[Finding]) -> str:
    """The last line."""
    failed = sum(each.state == "fail" for each in findings)
    warned = sum(each.state == "warn" for each in findings)
    if not failed and not warned:
        return f"{len(findings)} checks, all well"
    return f"{len(findings)} checks: {failed} failed, {warned} to look at"
