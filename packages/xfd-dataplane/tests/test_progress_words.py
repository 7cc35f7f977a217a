"""Progress in words, in bars and in JSON: what a person or a program reads of a `Progress`."""

from __future__ import annotations

import io
import json
from dataclasses import fields, replace

import pytest

from xfd_api.progress import NodeStanding, ObjectStanding, Progress
from xfd_dataplane.progress.bars import drawn
from xfd_dataplane.progress.json_lines import JsonLines
from xfd_dataplane.progress.notebook import html_of
from xfd_dataplane.progress.view import MOST_ROWS, view_of
from xfd_dataplane.progress.words import line_of

MIB = 2**20
START = Progress(0.0, 4 * MIB, 0, 0, 0, nodes=2, nodes_done=0, objects=3, objects_done=0)
HALF = replace(START, done_bytes=2 * MIB, objects_done=1)
ARRIVED = replace(START, done_bytes=4 * MIB, objects_done=2, phase="landing")
DONE = replace(ARRIVED, objects_done=3, nodes_done=2, phase="done")
STALL = "node 3f2a (host-3): no bytes for 12 s, the origin answered with status 503"


@pytest.mark.parametrize(
    ("now", "line"),
    [
        (None, "looking for objects"),
        (START, "moving: 0 B of 4.0 MiB (0 %), 0 of 3 objects, 0 of 2 nodes done"),
        (
            replace(HALF, bytes_per_s=MIB, left_s=2.2),
            "moving: 2.0 of 4.0 MiB (50 %), 1.0 MiB/s, about 2 s left, 1 of 3 objects, "
            "0 of 2 nodes done",
        ),
        (
            replace(HALF, bytes_per_s=0.0, stalls=(STALL,), retries=7),
            "moving: 2.0 of 4.0 MiB (50 %), 0 B/s, 1 of 3 objects, 0 of 2 nodes done, "
            f"7 retries; {STALL}",
        ),
        (
            replace(HALF, waits_for="another process, which writes out/a.bin", nodes=1),
            "moving: 2.0 of 4.0 MiB (50 %), 1 of 3 objects; "
            "waiting for another process, which writes out/a.bin",
        ),
        (
            replace(ARRIVED, bytes_per_s=MIB, cached_bytes=MIB),
            "landing: 4.0 of 4.0 MiB (100 %), 2 of 3 objects, 0 of 2 nodes done, "
            "1.0 MiB were here before",
        ),
        (replace(DONE, nodes=1), "done: 4.0 of 4.0 MiB (100 %), 3 of 3 objects"),
        (
            replace(DONE, total_bytes=0, done_bytes=0, nodes=1),
            "done: 0 of 0 B, 3 of 3 objects",
        ),
    ],
)
def test_what_a_line_says(now: Progress | None, line: str) -> None:
    assert line_of(now) == line


def test_progress_that_is_old_says_so() -> None:
    assert line_of(replace(HALF, nodes=1), age_s=12.0).endswith(", no news for 12 s")


def test_a_cluster_has_bars_for_the_nodes_that_are_behind() -> None:
    standings = tuple(
        NodeStanding(f"n{k}", f"host-{k}", "moving", 100, k, 2.0 * MIB) for k in range(9)
    )
    now = replace(HALF, nodes=10, per_node=(*standings, NodeStanding("n9", phase="done")))

    view = view_of(now)

    assert [bar.label for bar in view.parts] == [f"host-{k}" for k in range(MOST_ROWS)]
    assert view.parts[3].text == "  3 %  2.0 MiB/s"
    assert (view.whole.done, view.whole.total) == (2 * MIB, 4 * MIB)


def test_nodes_of_one_host_have_their_ids_beside_its_name() -> None:
    standings = tuple(NodeStanding(f"{k}f2a91c0d2e4", "gpu.internal") for k in range(2))

    labels = [bar.label for bar in view_of(replace(HALF, per_node=standings)).parts]

    assert labels == ["gpu 0f2a91c0", "gpu 1f2a91c0"]


def test_one_host_has_bars_for_its_files_if_there_are_several() -> None:
    files = (ObjectStanding("/models/llama/weights-00001.safetensors", 200, 100),)
    now = replace(HALF, nodes=1, per_object=files)

    (bar,) = view_of(now).parts

    assert bar.label == "…s-00001.safetensors"
    assert bar.text == " 50 %  of 200 B"
    assert view_of(replace(now, objects=1)).parts == ()


def test_names_of_strangers_cannot_paint_the_terminal_nor_the_notebook() -> None:
    evil = NodeStanding("n0", "\x1b[2J<script>", "moving", 2, 1)
    view = view_of(replace(HALF, per_node=(evil,), stalls=("node \x1b[2J<script>: no bytes",)))

    html = html_of(view)

    assert "\x1b" not in html
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "\x1b[2J" not in printed(view_of(replace(HALF, per_node=(evil,))), 80)


def printed(view, width: int) -> str:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=width, force_terminal=True)
    console.print(drawn(view))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_the_bar_for_everything_fits_a_terminal(width: int) -> None:
    now = replace(
        HALF,
        total_bytes=900 * 2**30,
        done_bytes=123 * 2**30,
        bytes_per_s=123.4 * MIB,
        left_s=4000,
        per_node=(NodeStanding("n0", "ip-10-123-234-111.eu-central-1", "moving", 9, 1, 2.5 * MIB),),
    )

    text = printed(view_of(now), width)

    assert "about 1 h 6 min left" in text
    assert "123.4 MiB/s" in text
    assert "ip-10-123-234-111 " in text


def test_json_lines_have_all_fields_and_come_at_most_once_a_second() -> None:
    said: list[str] = []
    seconds = iter([0.0, 0.1, 0.2, 0.9, 1.2, 1.3, 1.4])
    show = JsonLines(said.append, clock=lambda: next(seconds))
    for now in (START, HALF, HALF, HALF, ARRIVED, DONE):
        show(now)

    documents = [json.loads(line) for line in said]

    assert [each["phase"] for each in documents] == [
        *("finding", "moving", "moving", "landing", "done")
    ]
    assert set(documents[1]) == {"event", "schema", *(each.name for each in fields(Progress))}
    assert documents[1]["total_bytes"] == 4 * MIB
