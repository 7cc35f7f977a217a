"""What the data plane logs reaches the worker's log and trace, under names that stay."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from inprocess import run_async

from xfd_api.ids import NodeId, SwarmId
from xfd_api.reports import LogEvent
from xfd_api.settings import SwarmTicket
from xfd_api.testing import FakeDataPlane, FakeOrigin
from xfd_ray.environment import NONE
from xfd_ray.telemetry import log, log_events
from xfd_ray.worker.node_worker import Exchange, NodeWorker

CORE = Path(__file__).parents[2] / "xfd-dataplane/crates/xfd-dataplane-core/src"
EVENT = re.compile(r'tracing::(?:error|warn|info|debug)!\([^;]*?"([^"]*)"\s*,?\s*\)')
SWARM = SwarmId("0123456789abcdef")

RUN = """
import asyncio, sys
from xfd_api.ids import NodeId, SwarmId
from xfd_api.settings import NodeSettings, SwarmTicket
from xfd_ray.environment import NONE
from xfd_ray.worker.node_worker import NodeWorker

async def run():
    worker = NodeWorker(NodeId("n0"), "127.0.0.1", settings=NodeSettings(root=sys.argv[1]))
    await worker.hello(NONE)
    await worker.join(SwarmTicket(SwarmId("ab" * 8), "5eed5eed" * 8))
    await worker.close()

asyncio.run(run())
"""


def test_every_event_that_the_data_plane_logs_has_a_name_that_is_kept() -> None:
    logged = {log_events.DATA_PLANE_PREFIX}
    for source in CORE.rglob("*.rs"):
        text = source.read_text().split("#[cfg(test)]\nmod tests")[0]
        calls = len(re.findall(r"tracing::(?:error|warn|info|debug)!", text))
        found = EVENT.findall(text)
        assert len(found) == calls, source
        logged.update(found)
    logged.discard(log_events.DATA_PLANE_PREFIX)
    assert logged | {"log_events_dropped"} == log_events.DATA_PLANE_EVENTS
    assert all(re.fullmatch(r"[a-z_]+", name) for name in log_events.DATA_PLANE_EVENTS)


@run_async
async def test_a_worker_writes_what_its_data_plane_logged_with_each_exchange() -> None:
    plane = FakeDataPlane(NodeId("n0"), FakeOrigin({}))
    worker = NodeWorker(NodeId("n0"), "127.0.0.1", data_plane=lambda node, settings: plane)
    await worker.hello(NONE)
    assert plane.logs_from == log.lowest_level()
    await worker.join(SwarmTicket(SWARM, "secret"))
    plane.logged.append(LogEvent("warning", "chunk_read_failed", 1.5, {"chunk": 3}))
    with structlog.testing.capture_logs() as written:
        worker._log = structlog.get_logger()
        await worker.exchange(SWARM, Exchange(1, (), ack=0, max_wait_s=0.01))
        plane.logged.append(LogEvent("error", "panicked", 2.5, {"what": "A fetch"}))
        await worker.close()
    told = [line for line in written if line["event"].startswith(log_events.DATA_PLANE_PREFIX)]
    assert [(line["log_level"], line["event"]) for line in told] == [
        ("warning", "xfd.dataplane.chunk_read_failed"),
        ("error", "xfd.dataplane.panicked"),
    ]
    assert told[0]["chunk"] == 3
    assert told[0]["at_s"] == 1.5


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({}, False),
        ({"XFD_LOG": "info"}, True),
        ({"XFD_TRACE": "trace"}, False),
        ({"XFD_TRACE": "trace", "XFD_LOG": "debug"}, True),
    ],
)
def test_levels_hold_for_the_data_plane_too_and_its_events_are_in_the_trace(
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
