"""What docs/operation.md shows of progress is what the code prints."""

from __future__ import annotations

import io
import re
from dataclasses import fields, replace
from pathlib import Path

from rich.console import Console

from xfd_api.ids import NodeId
from xfd_api.progress import PHASES, NodeStanding, ObjectStanding, Progress
from xfd_dataplane.progress.bars import drawn
from xfd_dataplane.progress.view import view_of
from xfd_dataplane.progress.words import line_of

PAGE = (Path(__file__).parents[3] / "docs" / "operation.md").read_text("utf-8")
GIB, MIB = 2**30, 2**20
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")

START = Progress(
    elapsed_s=2.0,
    total_bytes=96 * GIB,
    done_bytes=0,
    origin_bytes=0,
    peer_bytes=0,
    nodes=8,
    nodes_done=0,
    objects=8,
    objects_done=0,
)
LINES = (
    None,
    START,
    replace(START, done_bytes=412 * GIB // 10, objects_done=2, bytes_per_s=3.9 * GIB, left_s=14.0),
    replace(START, phase="landing", done_bytes=96 * GIB, objects_done=7, nodes_done=6),
    replace(START, phase="done", done_bytes=96 * GIB, objects_done=8, nodes_done=8),
)

STALLED = Progress(
    elapsed_s=20.0,
    total_bytes=int(343.3 * MIB),
    done_bytes=int(137.4 * MIB),
    origin_bytes=0,
    peer_bytes=0,
    nodes=3,
    nodes_done=0,
    objects=1,
    objects_done=0,
    bytes_per_s=2.6 * MIB,
    left_s=79.0,
    retries=94,
    per_node=tuple(
        NodeStanding(NodeId(f"n{k}"), f"gpu-{k}", "moving", 1000, done, rate)
        for k, done, rate in ((1, 400, 0.0), (2, 400, 1.3 * MIB), (3, 410, 1.3 * MIB))
    ),
    stalls=("node gpu-1 (5112c362462b): no bytes for 7 s, the origin answered with status 503",),
)


def test_the_lines_are_those_of_the_page() -> None:
    shown = "\n".join(f"xfd: {line_of(now)}" for now in LINES)

    assert f"```text\n{shown}\n```" in PAGE, shown


def test_the_bars_are_those_of_the_page() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    console.print(drawn(view_of(STALLED)))
    shown = "\n".join(
        ESCAPES.sub("", line).rstrip() for line in console.file.getvalue().splitlines()
    )

    assert f"```text\n{shown}\n```" in PAGE, shown


def test_each_phase_and_each_field_of_the_json_lines_is_explained() -> None:
    explained = set(re.findall(r"`(\w+)`", PAGE))

    assert set(PHASES) <= explained
    for kind in (Progress, NodeStanding, ObjectStanding):
        assert {each.name for each in fields(kind)} - {"node"} <= explained
