"""Files for selected nodes, for tasks and for several drivers at once; metrics; ports."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import xfd_ray
from xfd_api.chunking import chunk_ranges
from xfd_api.errors import DeadlineExceededError, NoNodesError, PeerPortError
from xfd_api.paths import local_path
from xfd_api.progress import Progress
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_api.results import DistributionReport
from xfd_api.stores import ObjectStoreConfig
from xfd_testing import artifacts
from xfd_testing.actors import COORDINATOR, NODE_WORKER, actor_processes
from xfd_testing.processes import free_ports, listens
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import ONCE, S3Server
from xfd_testing.waiting import until

MIB = 2**20
SIZE = 24 * MIB
BODY = b"".join(artifacts.random_bytes(SIZE, seed=8))


@pytest.fixture
def place(bucket: str, driver: RayCluster, s3_server: S3Server) -> Iterator[str]:
    """A folder below each node's root that is this test's own; two objects are in the bucket.

    A node that has one object under another name may copy it: a test that counts what is moved
    asks for an object once on a node.
    """
    s3_server.put(bucket, "big", BODY)
    s3_server.put(bucket, "other", BODY)
    yield bucket
    for root in driver.roots:
        shutil.rmtree(root / bucket, ignore_errors=True)


def request(place: str, name: str = "big", key: str = "big") -> list[DownloadRequest]:
    return [DownloadRequest(ObjectDownloadRequest(key, Path(place, name)))]


def test_only_selected_nodes_get_the_files(bucket: str, place: str, driver: RayCluster) -> None:
    store = ObjectStoreConfig.make_for_s3(bucket)
    chosen = driver.nodes[1]
    report = xfd_ray.download_distributed(request(place), store, nodes=[chosen.id])
    assert [node.node for node in report.nodes] == [chosen.id]
    assert [(root / place).exists() for root in driver.roots] == [False, True, False]

    selector = xfd_ray.NodeSelector(exclude_head=True)
    report = xfd_ray.download_distributed(request(place, "second"), store, nodes=selector)
    assert {node.node for node in report.nodes} == {node.id for node in driver.nodes[1:]}
    with pytest.raises(NoNodesError):
        xfd_ray.download_distributed(request(place), store, nodes={"pool": "none"})


@ray.remote(num_cpus=0)
def arrow_of_a_task(place: str, store: ObjectStoreConfig) -> str:
    import pyarrow

    xfd_ray.ensure_local(request(place), store)
    return pyarrow.__name__


def test_workers_and_coordinator_load_no_arrow_and_tasks_may(
    bucket: str, place: str, driver: RayCluster
) -> None:
    store = ObjectStoreConfig.make_for_s3(bucket)
    with xfd_ray.distribution(request(place), store):
        # Those of an earlier call may be ending.
        until(lambda: len(actors_of(driver)) == 1 + len(driver.nodes), 20, "other actors are left")
        assert ray.get(arrow_of_a_task.remote(place, store)) == "pyarrow"
        maps = [Path(f"/proc/{pid}/maps").read_text() for pid in actors_of(driver)]
    assert not any("libarrow" in each for each in maps)


def actors_of(cluster: RayCluster) -> list[int]:
    return [pid for each in (COORDINATOR, NODE_WORKER) for pid in pids_of(each, cluster)]


def pids_of(actor: str, cluster: RayCluster) -> list[int]:
    return actor_processes(actor, cluster.roots)


def test_a_node_is_not_sent_the_objects_of_another_node(
    bucket: str, place: str, driver: RayCluster, s3_server: S3Server
) -> None:
    store = ObjectStoreConfig.make_for_s3(bucket)
    one, other = request(place), request(place, "copy", "other")
    first, second = driver.nodes[0], driver.nodes[1]
    with xfd_ray.distribution([*one, *other], store, nodes=[first.id]):
        xfd_ray.download_distributed(other, store, nodes=[second.id])
        names = {path.name for path in (driver.roots[1] / place).iterdir()}
        assert {name for name in names if "big" in name} == set()
        assert (driver.roots[1] / place / "copy").read_bytes() == BODY
        # The rest follows, from a catalog with a gap for the first part.
        report = xfd_ray.download_distributed(one, store, nodes=[second.id])
        assert (report.origin_bytes, report.peer_bytes) == (0, SIZE)


def test_a_task_finds_its_files_on_its_node(
    bucket: str, place: str, driver: RayCluster, s3_server: S3Server
) -> None:
    store = ObjectStoreConfig.make_for_s3(bucket)
    wanted = request(place)

    def run() -> tuple[int, int]:
        report = xfd_ray.ensure_local(wanted, store)
        found = local_path(wanted[0].value.destination).stat().st_size
        return found, report.origin_bytes + report.peer_bytes

    def on(place: int) -> ray.ObjectRef:
        strategy = NodeAffinitySchedulingStrategy(driver.nodes[place].id, soft=False)
        task = ray.remote(num_cpus=0, scheduling_strategy=strategy)(run)
        return task.remote()

    assert {size for size, _ in ray.get([on(2), on(2)])} == {SIZE}
    assert ray.get(on(2)) == (SIZE, 0)
    assert [(root / place).exists() for root in driver.roots] == [False, False, True]
    assert s3_server.sent_bytes(bucket) <= ONCE * SIZE


def test_two_calls_for_one_object_fetch_it_once(
    bucket: str, place: str, driver: RayCluster, s3_server: S3Server
) -> None:
    store = ObjectStoreConfig.make_for_s3(bucket)

    def call(name: str) -> DistributionReport:
        both = request(place) + request(place, name)
        return xfd_ray.download_distributed(both, store)

    with ThreadPoolExecutor(2) as threads:
        reports = list(threads.map(call, ["one", "two"]))
    for root in driver.roots:
        assert {path.read_bytes() for path in (root / place).glob("[bot]*")} == {BODY}
    assert {len(report.objects) for report in reports} == {2}
    assert s3_server.sent_bytes(bucket) <= ONCE * 3 * SIZE


def test_progress_is_reported_and_ends_complete(bucket: str, place: str) -> None:
    seen: list[Progress] = []
    xfd_ray.download_distributed(
        request(place), ObjectStoreConfig.make_for_s3(bucket), on_progress=seen.append
    )
    assert seen[-1].done_bytes == seen[-1].total_bytes == 3 * SIZE
    assert (seen[-1].nodes_done, seen[-1].objects_done) == (3, 1)
    done = [progress.done_bytes for progress in seen]
    assert done == sorted(done)


def test_a_deadline_ends_the_wait(bucket: str, place: str) -> None:
    store = ObjectStoreConfig.make_for_s3(bucket)
    with pytest.raises(DeadlineExceededError):
        xfd_ray.download_distributed(request(place), store, deadline_s=0.001)
    assert xfd_ray.download_distributed(request(place), store).nodes[0].state == "done"


def test_metrics_are_scraped_during_a_run_and_after_it(
    bucket: str, place: str, driver: RayCluster
) -> None:
    store = ObjectStoreConfig.make_for_s3(bucket)
    during: list[dict[str, float]] = []

    def look(_: Progress) -> None:
        during.extend(scraped().values())

    before_it = request(place, "before", "other")
    xfd_ray.download_distributed(before_it, store, metrics="port")
    until(lambda: len(scraped()) == len(driver.nodes), 10, "a node has no endpoint")
    before = scraped()
    report = xfd_ray.download_distributed(request(place), store, on_progress=look)
    assert during
    after = scraped()
    assert set(after) == {node.id for node in driver.nodes}

    def more(name: str) -> float:
        return total(after, name, "origin", "peer") - total(before, name, "origin", "peer")

    assert report.origin_bytes + report.peer_bytes == 3 * SIZE
    assert more("xfd_chunks_total") == 3 * len(list(chunk_ranges(SIZE, None)))
    # A chunk that moves to a better source during its transfer is received twice in part.
    assert 3 * SIZE <= more("xfd_bytes_total") < 4 * SIZE
    served = sum(values["xfd_served_bytes_total"] for values in after.values())
    assert served >= 2 * SIZE
    for values in after.values():
        assert values["xfd_verification_failures_total"] == 0
        assert values['xfd_active_transfers{kind="origin"}'] == 0
        assert any(name.startswith("xfd_transfer_seconds_count") for name in values)
        assert "xfd_retries_total" in values


def test_peers_listen_in_the_given_range_of_ports(
    bucket: str, place: str, driver: RayCluster
) -> None:
    store = ObjectStoreConfig.make_for_s3(bucket)
    (first,) = free_ports(1)
    xfd_ray.download_distributed(request(place), store, peer_ports=(first, first + 40))
    (host,) = {node["NodeManagerAddress"] for node in ray.nodes()}
    assert sum(listens(host, first + k) for k in range(41)) >= len(driver.nodes)

    # All nodes of this cluster have one address, so one port is not enough for them.
    (only,) = free_ports(1)
    with pytest.raises(PeerPortError) as raised:
        xfd_ray.download_distributed(request(place, "other"), store, peer_ports=(only, only))
    assert raised.value.node in {node.id for node in driver.nodes}


def scraped() -> dict[str, dict[str, float]]:
    """Metrics by name and labels, by node."""
    found: dict[str, dict[str, float]] = {}
    for node, addresses in xfd_ray.metrics_addresses().items():
        for address in addresses:
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
                lines = answer.read().decode().splitlines()
            pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
            found[str(node)] = {name: float(value) for name, value in pairs}
    return found


def total(metrics: dict[str, dict[str, float]], name: str, *sources: str) -> float:
    return sum(
        values[f'{name}{{source="{source}"}}'] for values in metrics.values() for source in sources
    )
