"""A worker's calls, with a data plane in memory."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
import threading

import pytest
from inprocess import STORES, run_async, scrape

from xfd_api.errors import DiskFullError, InternalError
from xfd_api.ids import ChunkIndex, NodeId, OrderId, SwarmId
from xfd_api.node_report import Stall
from xfd_api.orders import Cancel, Fetch
from xfd_api.reports import ChunkHeld, NodeCounters, ObjectLanded
from xfd_api.settings import SwarmTicket
from xfd_api.testing import FakeDataPlane, FakeOrigin, catalog_of
from xfd_ray.environment import NODE_ENVIRONMENT
from xfd_ray.metrics.choice import MetricsChoice
from xfd_ray.worker.node_worker import NodeWorker
from xfd_ray.worker_api import Exchange, Hello

MIB = 2**20
AT_PORT = MetricsChoice(port=True)
SWARM = SwarmId("0123456789abcdef")
CATALOG = catalog_of({"big": 2 * MIB})
FETCH_ALL = (Fetch(OrderId(1), ChunkIndex(0), 2, None),)


async def joined() -> tuple[NodeWorker, FakeDataPlane]:
    plane = FakeDataPlane(NodeId("n0"), FakeOrigin({"big": 2 * MIB}))
    worker = NodeWorker(NodeId("n0"), "127.0.0.1", data_plane=lambda node, settings: plane)
    await worker.hello(NODE_ENVIRONMENT, AT_PORT)
    await worker.join(SwarmTicket(SWARM, "secret"))
    await worker.extend(SWARM, CATALOG, STORES)
    return worker, plane


async def scraped(hello: Hello) -> list[str]:
    return await asyncio.to_thread(scrape, hello.metrics_address)


@run_async
async def test_an_exchange_takes_orders_and_returns_events():
    worker, _ = await joined()
    report = await worker.exchange(SWARM, Exchange(1, FETCH_ALL, ack=0))
    assert [type(event) for event in report.events] == [ChunkHeld, ChunkHeld, ObjectLanded]
    assert (report.seq, report.counters.origin_bytes) == (1, 2 * MIB)
    await worker.close()


@run_async
async def test_a_call_is_answered_when_time_is_up_or_a_later_call_comes():
    worker, plane = await joined()
    plane.paused = True
    idle = await worker.exchange(SWARM, Exchange(1, (), ack=0, max_wait_s=0.01))
    assert idle.events == ()
    waiting = asyncio.create_task(worker.exchange(SWARM, Exchange(2, (), idle.seq, max_wait_s=30)))
    await asyncio.sleep(0)
    later = asyncio.create_task(
        worker.exchange(SWARM, Exchange(3, FETCH_ALL, idle.seq, max_wait_s=30))
    )
    assert (await waiting).events == ()
    plane.resume()
    assert len((await later).events) > 0
    await worker.close()


@run_async
async def test_a_stall_and_its_end_are_worth_a_report():
    worker, plane = await joined()
    plane.paused = True
    stalled = Stall(5.0, None, "The origin answered with status 503")
    for number, stall in ((1, stalled), (2, None)):
        waiting = asyncio.create_task(
            worker.exchange(SWARM, Exchange(number, (), ack=number - 1, max_wait_s=30))
        )
        await asyncio.sleep(0)
        plane.stalled = stall
        report = await asyncio.wait_for(waiting, 10)
        assert (report.events, report.stall) == ((), stall)
    await worker.close()


@run_async
async def test_orders_of_a_repeated_call_are_taken_once_and_in_sequence():
    worker, plane = await joined()
    second = asyncio.create_task(worker.exchange(SWARM, Exchange(2, FETCH_ALL[:1], ack=0)))
    await asyncio.sleep(0.01)
    assert plane.submitted == []  # the first exchange is still on its way
    await worker.exchange(SWARM, Exchange(1, (), ack=0, max_wait_s=0.01))
    report = await second
    again = await worker.exchange(
        SWARM, Exchange(2, FETCH_ALL[:1], ack=0, again=True, max_wait_s=0.01)
    )
    assert plane.submitted == list(FETCH_ALL)
    assert set(report.events) <= set(again.events)
    await worker.close()


@run_async
async def test_orders_of_a_lost_call_are_taken_when_it_is_sent_again():
    worker, plane = await joined()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xfd_ray.worker.swarm_state.MISSING_CALL_S", 0.01)
        await worker.exchange(SWARM, Exchange(2, (), ack=0, max_wait_s=0.01))
    again = Exchange(1, FETCH_ALL, ack=0, again=True, max_wait_s=0.01)
    for _ in range(2):
        await worker.exchange(SWARM, again)
    assert plane.submitted == list(FETCH_ALL)
    await worker.close()


@run_async
async def test_two_calls_that_one_event_wakes_are_answered_in_sequence():
    worker, plane = await joined()
    plane.paused = True
    polls = [
        asyncio.create_task(worker.exchange(SWARM, Exchange(1, FETCH_ALL, ack=0, max_wait_s=30)))
    ]
    await asyncio.sleep(0.01)
    held = ChunkHeld(OrderId(1), ChunkIndex(0), 7, None, MIB, 0.1, 0.1)
    # What the collector does at the moment in which the second poll arrives.
    worker._state(SWARM).reports.add([held])
    polls.append(
        asyncio.create_task(worker.exchange(SWARM, Exchange(2, (), ack=0, max_wait_s=0.05)))
    )
    assert [report.seq for report in await asyncio.gather(*polls)] == [1, 2]
    await worker.close()


@run_async
async def test_errors_name_the_node():
    worker, plane = await joined()
    plane.extend_error = DiskFullError("no room", path="/data")
    with pytest.raises(DiskFullError) as raised:
        await worker.extend(SWARM, CATALOG, STORES)
    assert (raised.value.node, raised.value.path) == ("n0", "/data")
    with pytest.raises(InternalError):
        await worker.exchange(SwarmId("another"), Exchange(1, (), 0))
    await worker.close()


@run_async
async def test_a_bug_in_the_data_plane_is_raised_by_the_next_exchange():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xfd_ray.worker.node_worker.POLL_S", 0.1)
        worker, plane = await joined()
        waiting = asyncio.create_task(worker.exchange(SWARM, Exchange(1, (), 0, max_wait_s=30)))
        plane.poll = lambda swarm, timeout_s: [][0]
        with pytest.raises(InternalError, match="IndexError: list index out of range") as raised:
            await asyncio.wait_for(waiting, 10)
    assert raised.value.node == "n0"
    await worker.close()


@run_async
async def test_leaving_answers_the_call_that_waits():
    worker, plane = await joined()
    waiting = asyncio.create_task(worker.exchange(SWARM, Exchange(1, (), 0, max_wait_s=30)))
    await asyncio.sleep(0.01)
    await worker.leave(SWARM)
    assert (await asyncio.wait_for(waiting, 5)).events == ()
    assert plane.left == [SWARM]
    await worker.close()


@run_async
async def test_a_swarm_that_is_left_during_its_join_stays_left():
    worker, plane = await joined()
    another = SwarmId("another")
    may_join = threading.Event()
    join = plane.join
    plane.join = lambda ticket: may_join.wait(10) and join(ticket)
    joining = asyncio.create_task(worker.join(SwarmTicket(another, "secret")))
    await asyncio.sleep(0)
    leaving = asyncio.create_task(worker.leave(another))
    await asyncio.sleep(0)
    may_join.set()
    await asyncio.gather(joining, leaving)
    assert plane.left == [another]
    with pytest.raises(InternalError):
        plane.submit(another, ())
    with pytest.raises(InternalError):
        await worker.exchange(another, Exchange(1, (), 0))
    await worker.close()


@run_async
async def test_metrics_export_the_counters_of_the_data_plane():
    worker, plane = await joined()
    plane.counted = NodeCounters(origin_bytes=5, peer_bytes=6, cached_bytes=7, active_served=2)
    hello = await worker.hello(NODE_ENVIRONMENT, AT_PORT)
    lines = await scraped(hello)
    for line in (
        'xfd_bytes_total{source="origin"} 5.0',
        'xfd_bytes_total{source="peer"} 6.0',
        'xfd_bytes_total{source="cache"} 7.0',
        'xfd_active_transfers{kind="served"} 2.0',
        "xfd_retries_total 0.0",
    ):
        assert line in lines
    await worker.close()


@run_async
async def test_a_start_asks_no_name_server():
    asked: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("getfqdn", "gethostbyaddr", "getnameinfo"):
            patch.setattr(f"socket.{name}", lambda *args: asked.append(args) or "n0")
        worker, _ = await joined()
        await scraped(await worker.hello(NODE_ENVIRONMENT, AT_PORT))
    assert asked == []
    await worker.close()


@run_async
async def test_closing_the_metrics_endpoint_does_not_block_the_event_loop():
    worker, _ = await joined()
    ended_in: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "xfd_ray.metrics.endpoint.MetricsEndpoint.close",
            lambda self: ended_in.append(threading.get_ident()),
        )
        await worker.close()
    assert len(ended_in) == 1
    assert ended_in[0] != threading.get_ident()


@pytest.mark.parametrize(
    ("role", "unneeded"),
    [
        ("cluster.nodes", ("numpy", "pandas", "pyarrow", "rich.progress")),
        ("cluster.worker_actor", ("numpy", "pandas", "pyarrow", "structlog", "prometheus_client")),
        (
            "cluster.coordinator_actor",
            ("xfd_ray.coordinator.coordinator", "xfd_scheduler", "prometheus_client"),
        ),
        (
            "distribute",
            ("xfd_ray.coordinator.coordinator", "xfd_scheduler", "prometheus_client", "rich"),
        ),
    ],
)
def test_processes_that_start_on_all_nodes_import_little(role: str, unneeded: tuple[str, ...]):
    script = f"import sys, xfd_ray.{role}; print([m for m in {unneeded} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_call_survives_pickling():
    orders = (Fetch(OrderId(1), ChunkIndex(2), 3, None, 4), Cancel(OrderId(5), 6))
    call = Exchange(7, orders, 8, again=True, max_wait_s=0.5)
    assert pickle.loads(pickle.dumps(call)) == call
