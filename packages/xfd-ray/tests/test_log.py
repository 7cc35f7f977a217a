"""Levels of the log, and the way of the data plane's events into it and into the trace."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog
from inprocess import run_async

from xfd_api.errors import InvalidRequestError
from xfd_api.ids import NodeId, SwarmId
from xfd_api.reports import LogEvent
from xfd_api.settings import SwarmTicket
from xfd_api.testing import FakeDataPlane, FakeOrigin
from xfd_ray.environment import NODE_ENVIRONMENT
from xfd_ray.metrics.choice import MetricsChoice
from xfd_ray.telemetry import log, log_events
from xfd_ray.worker.node_worker import NodeWorker
from xfd_ray.worker_api import Exchange

SWARM = SwarmId("0123456789abcdef")

RUN = """
import asyncio, sys
from xfd_api.ids import NodeId, SwarmId
from xfd_api.settings import NodeSettings, SwarmTicket
from xfd_ray.environment import NODE_ENVIRONMENT
from xfd_ray.metrics.choice import MetricsChoice
from xfd_ray.worker.node_worker import NodeWorker

async def run():
    worker = NodeWorker(NodeId("n0"), "127.0.0.1", settings=NodeSettings(root=sys.argv[1]))
    await worker.hello(NODE_ENVIRONMENT, MetricsChoice())
    await worker.join(SwarmTicket(SwarmId("ab" * 8), "5eed5eed" * 8))
    await worker.close()

asyncio.run(run())
"""


@run_async
async def test_a_worker_logs_the_events_of_its_data_plane() -> None:
    plane = FakeDataPlane(NodeId("n0"), FakeOrigin({}))
    worker = NodeWorker(NodeId("n0"), "127.0.0.1", data_plane=lambda node, settings: plane)
    await worker.hello(NODE_ENVIRONMENT, MetricsChoice())
    assert plane.logs_from == log.lowest_level()
    await worker.join(SwarmTicket(SWARM, "secret"))
    plane.logged.append(LogEvent("warning", "chunk_read_failed", 1.5, {"chunk": 3}))
    written: list[tuple[log_events.Event, dict[str, Any]]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log.Log, "emit", lambda _, event, **fields: written.append((event, fields)))
        await worker.exchange(SWARM, Exchange(1, (), ack=0, max_wait_s=0.01))
        plane.logged.append(LogEvent("error", "panicked", 2.5, {"what": "A fetch"}))
        await worker.close()
    logged = [
        (event.level, event.name, fields)
        for event, fields in written
        if event.name.startswith(log_events.DATA_PLANE_PREFIX)
    ]
    assert logged == [
        ("warning", "xfd.dataplane.chunk_read_failed", {"at_s": 1.5, "chunk": 3}),
        ("error", "xfd.dataplane.panicked", {"at_s": 2.5, "what": "A fetch"}),
    ]


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({}, False),
        ({"XFD_LOG": "info"}, True),
        ({"XFD_TRACE": "trace"}, False),
        ({"XFD_TRACE": "trace", "XFD_LOG": "debug"}, True),
    ],
)
def test_levels_apply_to_the_data_plane_and_the_trace_has_all_its_events(
    tmp_path: Path, environment: dict[str, str], shown: bool
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path / "root")],
        env={"PATH": "/usr/bin:/bin", **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    lines = [json.loads(line) for line in ran.stderr.splitlines() if line.startswith("{")]
    assert ("xfd.dataplane.swarm_joined" in {line["event"] for line in lines}) is shown
    trace = "".join(path.read_text() for path in tmp_path.glob("trace/worker-*.jsonl"))
    assert ("xfd.dataplane.swarm_joined" in trace) is ("XFD_TRACE" in environment)
    assert "5eed5eed" not in trace + ran.stderr


def test_an_unknown_level_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    structlog.reset_defaults()  # Another test may have configured it.
    monkeypatch.setenv("XFD_LOG", "loud")
    with pytest.raises(InvalidRequestError, match=r"'loud'.*debug, info, warning, error"):
        log.log_to_stderr()
