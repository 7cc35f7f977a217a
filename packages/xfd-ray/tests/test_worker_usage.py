"""Which workers stay, change or end when calls come with other terms. No Ray anywhere."""

from __future__ import annotations

import asyncio

import pytest
from inprocess import LocalCluster, lease, over, run_async, until

from xfd_api.errors import PeerPortError
from xfd_api.ids import NodeId
from xfd_api.settings import NodeSettings, UnpackCaps
from xfd_ray.coordinator import worker_usage
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.coordinator.worker_usage import WorkerUsage
from xfd_ray.environment import Environment
from xfd_ray.messages import Limits, Terms, WorkerTerms

MIB = 2**20
SIZES = {"big": 8 * MIB}
MINE = Environment((("AWS_PROFILE", "mine"),))
THEIRS = Environment((("AWS_PROFILE", "theirs"),))
ONE_PORT = (7001, 7001)

NODE = NodeId("n0")
NOW = WorkerTerms()


@pytest.mark.parametrize(
    ("wanted", "changes", "ends"),
    [
        (WorkerTerms(NodeSettings(node_parallelism=3)), True, True),
        (WorkerTerms(NodeSettings(memory_budget_bytes=MIB, upload_bytes_per_s=MIB)), True, True),
        (WorkerTerms(NodeSettings(attempts=3)), False, True),
        (WorkerTerms(NodeSettings(unpack_caps=UnpackCaps(max_entries=3))), False, True),
        (WorkerTerms(peer_ports=(7000, 7001)), False, True),
        (WorkerTerms(environment=MINE), False, False),
        (WorkerTerms(NodeSettings(node_parallelism=3), environment=MINE), False, False),
    ],
)
def test_an_idle_worker_changes_or_ends_for_one_of_other_terms(wanted, changes, ends):
    workers = WorkerUsage()
    workers.add((NODE, NOW), 0.0)
    workers.add((NodeId("n1"), NOW), 0.0)
    assert workers.reconfigurable((NODE, wanted)) == [(NODE, NOW)] * changes
    assert workers.blocking((NODE, wanted)) == [(NODE, NOW)] * ends
    workers.begin((NODE, NOW), 0.0)
    assert workers.reconfigurable((NODE, wanted)) == []
    assert workers.blocking((NODE, wanted)) == []


def test_of_other_drivers_workers_only_those_with_the_port_are_in_the_way():
    workers = WorkerUsage()
    for ports in (None, (7000, 7005), (7006, 7010)):
        workers.add((NODE, WorkerTerms(peer_ports=ports, environment=MINE)), 0.0)
    wanted = WorkerTerms(peer_ports=(7004, 7005), environment=THEIRS)
    assert [key[1].peer_ports for key in workers.blocking((NODE, wanted))] == [(7000, 7005)]


def test_the_worker_that_was_used_last_stays_and_the_others_end_soon():
    workers = WorkerUsage()
    first, second = (NODE, NOW), (NODE, WorkerTerms(environment=MINE))
    workers.add(first, 0.0)
    workers.begin(first, 1.0)
    workers.end(first, 2.0)
    assert workers.idle_too_long(1000.0) == []
    workers.add(second, 3.0)
    workers.begin(second, 3.0)
    assert workers.idle_too_long(2.0 + worker_usage.IDLE_S) == []
    assert workers.idle_too_long(2.5 + worker_usage.IDLE_S) == [first]
    workers.end(second, 100.0)
    assert workers.idle_too_long(1000.0) == [first]
    workers.forget(first)
    assert workers.idle_too_long(1000.0) == []


async def call(coordinator: Coordinator, name: str, **options) -> None:
    await coordinator.attach(lease(name, "big", **options))
    status = await over(coordinator, name)
    assert status.report is not None, status.error
    await coordinator.detach(name)


def running(cluster: LocalCluster) -> int:
    return sum(not worker.dead.is_set() for worker in cluster.workers)


OTHER_SETTINGS = {
    "parallelism": [{"limits": Limits(node_parallelism=k)} for k in range(1, 9)],
    "rates": [
        {"terms": Terms(node_settings=NodeSettings(origin_bytes_per_s=k * MIB))}
        for k in range(1, 9)
    ],
    "attempts": [{"terms": Terms(node_settings=NodeSettings(attempts=k))} for k in range(1, 9)],
    "ports": [{"terms": Terms(peer_ports=(7000, 7000 + k))} for k in range(1, 9)],
    "one port": [
        {"terms": Terms(peer_ports=ONE_PORT, node_settings=NodeSettings(attempts=k))}
        for k in range(1, 9)
    ],
}


@pytest.mark.parametrize("kind", OTHER_SETTINGS)
def test_calls_with_other_settings_leave_one_worker_a_node(kind):
    @run_async
    async def check():
        cluster = LocalCluster(2, SIZES)
        coordinator = Coordinator(cluster, tick_s=0.02)
        for k, options in enumerate(OTHER_SETTINGS[kind]):
            await call(coordinator, f"l{k}", **options)
        assert running(cluster) == 2
        is_changed = kind in ("parallelism", "rates")
        assert len(cluster.workers) == (2 if is_changed else 16)
        settings = cluster.planes["n0"].settings
        last = OTHER_SETTINGS[kind][-1]
        asked = last.get("terms", Terms()).node_settings
        assert settings.origin_bytes_per_s == asked.origin_bytes_per_s
        assert settings.attempts == asked.attempts
        assert settings.node_parallelism == last.get("limits", Limits()).node_parallelism

    check()


@run_async
async def test_drivers_of_other_surroundings_have_workers_of_their_own_and_idle_ones_end():
    cluster = LocalCluster(1, SIZES)
    cluster.plane_per_worker = True
    coordinator = Coordinator(cluster, tick_s=0.02)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_usage, "IDLE_S", 0.2)
        await coordinator.attach(lease("mine", "big", environment=MINE))
        await over(coordinator, "mine")
        assert cluster.environment["n0"] == MINE
        await coordinator.attach(lease("theirs", "big", environment=THEIRS))
        await over(coordinator, "theirs")
        assert cluster.environment["n0"] == THEIRS
        assert running(cluster) == 2
        # A task of the first driver joins its swarm, not the oldest or the newest there is.
        await coordinator.attach(lease("task", "big", environment=MINE, terms=None))
        await over(coordinator, "task")
        assert len(cluster.workers) == 2
        for name in ("task", "mine"):
            await coordinator.detach(name)
        await until(lambda: running(cluster) == 1)
        assert cluster.workers[0].dead.is_set()
        await coordinator.detach("theirs")
        await asyncio.sleep(0.4)
        assert running(cluster) == 1, "the one used last stays for `keep_s`"


@run_async
async def test_a_call_whose_port_another_one_uses_is_refused_by_name():
    cluster = LocalCluster(1, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.02)
    ports = Terms(peer_ports=ONE_PORT)
    await coordinator.attach(lease("holds", "big", terms=ports, environment=MINE))
    await over(coordinator, "holds")
    await coordinator.attach(lease("late", "big", terms=ports, environment=THEIRS))
    error = (await over(coordinator, "late")).error
    assert isinstance(error, PeerPortError)
    assert "7001" in str(error)
    await coordinator.detach("late")
    await coordinator.detach("holds")
    await call(coordinator, "again", terms=ports, environment=THEIRS)
    assert running(cluster) == 1


@run_async
async def test_an_idle_worker_that_died_is_replaced_by_one_of_the_new_settings():
    cluster = LocalCluster(1, SIZES)
    coordinator = Coordinator(cluster, tick_s=0.02)
    await call(coordinator, "first")
    cluster.workers[0].dead.set()
    await call(coordinator, "second", limits=Limits(node_parallelism=3))
    assert len(cluster.workers) == 2
    assert cluster.settings["n0"].node_parallelism == 3
