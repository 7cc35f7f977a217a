"""What `xfd status` shows of coordinators."""

from __future__ import annotations

import argparse
import io
import json
import sys

import pytest

from xfd_api.errors import CoordinatorLostError, NodeLostError
from xfd_api.ids import NodeId, SwarmId
from xfd_api.progress import NodeStanding, Progress
from xfd_ray.cli.status import _watch
from xfd_ray.cli.status_view import document, parts
from xfd_ray.cli.tables import plain_lines, show, table
from xfd_ray.coordinator_status import (
    CoordinatorStatus,
    DiskRoom,
    HeldLease,
    NodeStatus,
    SwarmStatus,
)

MIB = 2**20
A, B = NodeId("a" * 56), NodeId("b" * 56)
SWARM = SwarmId("5" * 16)
PROGRESS = Progress(
    elapsed_s=5.0,
    total_bytes=200 * MIB,
    done_bytes=150 * MIB,
    origin_bytes=100 * MIB,
    peer_bytes=50 * MIB,
    nodes=2,
    nodes_done=1,
    objects=3,
    objects_done=2,
    bytes_per_s=10.0 * MIB,
    left_s=5.0,
    per_node=(NodeStanding(A, "gpu-1", "moving", 100 * MIB, 50 * MIB, 10.0 * MIB, "no bytes"),),
    stalls=("node gpu-1: no bytes for 12 s",),
)


def status(lease: HeldLease, age_s: float = 0.0) -> CoordinatorStatus:
    return CoordinatorStatus(
        {"xfd_ray": "0.1.0"},
        90.0,
        (SwarmStatus(SWARM, 60.0, age_s, (lease,)),),
        (
            NodeStatus(A, "gpu-1", "working", SWARM, "/data/xfd", DiskRoom(2**30, 2**40)),
            NodeStatus(B, "gpu-2", "lost", SWARM, error=NodeLostError("Its worker is gone")),
        ),
    )


def text(*statuses: CoordinatorStatus) -> list[str]:
    shown = parts(statuses)
    return [
        line for part in shown for line in ([part] if isinstance(part, str) else plain_lines(part))
    ]


def test_a_cluster_without_a_coordinator_says_so() -> None:
    assert text() == ["Nothing runs: the cluster has no coordinator."]


def test_a_call_and_its_nodes_are_shown() -> None:
    lines = text(status(HeldLease("c" * 32, "laptop", "running", 5.0, PROGRESS)))
    assert lines[:2] == [
        "coordinator of xfd 0.1.0, up 1 min 30 s: 1 swarm, 1 call, 2 nodes",
        "swarm 55555555, for 1 min 0 s",
    ]
    assert lines[2].startswith("  call cccccccc from laptop, for 5 s: moving: 150.0 ")
    assert lines[2].count("no bytes") == 0
    assert lines[3] == "    node gpu-1: no bytes for 12 s"
    first, second = (line.split() for line in lines[5:7])
    assert first[:4] == ["aaaaaaaaaaaa", "gpu-1", "working", "50.0"]
    assert "10.0 MiB/s" in lines[5]
    assert "1.0 GiB" in lines[5]
    assert "no bytes" in lines[5]
    assert second[2] == "lost"
    assert lines[6].endswith("Its worker is gone")


@pytest.mark.parametrize(
    ("lease", "age_s", "says"),
    [
        (HeldLease("c", "", "finding", 1.0), 0.0, "call c, for 1 s: looking for objects"),
        (
            HeldLease("c", "", "failed", 1.0, error=NodeLostError("gone")),
            0.0,
            "call c, for 1 s: failed: gone",
        ),
        (
            HeldLease("c", "", "waiting", 1.0, PROGRESS, waits_for="another call"),
            0.0,
            "waiting for another call",
        ),
        (HeldLease("c", "", "running", 1.0, PROGRESS), 12.0, "no byte for 12 s"),
    ],
    ids=["finding", "failed", "waiting", "stalled"],
)
def test_a_call_says_what_it_does(lease: HeldLease, age_s: float, says: str) -> None:
    assert says in "\n".join(text(status(lease, age_s)))


def test_a_program_gets_everything() -> None:
    held = HeldLease("c", "laptop", "running", 5.0, PROGRESS)
    made = json.loads(json.dumps(document([status(held)])))
    (coordinator,) = made["coordinators"]
    assert coordinator["versions"] == {"xfd_ray": "0.1.0"}
    assert coordinator["swarms"][0]["leases"][0]["progress"]["done_bytes"] == 150 * MIB
    assert coordinator["nodes"][1]["error"]["what"] == "Its worker is gone"


def test_a_strangers_words_cannot_reach_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    show(table(["name"], [["\x1b]0;title\x07evil [bold]"]]), "line \x1b[2J")
    shown = screen.getvalue()
    assert "\x1b]0" not in shown
    assert "\x1b[2J" not in shown
    assert r"\x1b]0;title\x07evil [bold]" in shown


@pytest.mark.parametrize("as_json", [True, False])
def test_a_watch_outlives_a_coordinator_that_does_not_answer_in_time(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers: list[list[CoordinatorStatus] | BaseException] = [
        CoordinatorLostError("It did not answer within 10 s"),
        [],
        KeyboardInterrupt(),
    ]

    def asked() -> list[CoordinatorStatus]:
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr("xfd_ray.status", asked)
    with pytest.raises(KeyboardInterrupt):
        _watch(argparse.Namespace(json=as_json, watch=0.0))

    lines = capsys.readouterr().out.splitlines()
    if as_json:
        assert [json.loads(line)["ok"] for line in lines] == [False, True]
    else:
        assert "did not answer" in lines[1]
        assert "Nothing runs" in lines[3]
