"""The native part as Python sees it: what crosses the border, and how long that takes."""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xfd_api import errors
from xfd_api.chunks import FoundObject
from xfd_api.ids import NodeId, SwarmId
from xfd_api.lookups import Lookup
from xfd_api.orders import Cancel, Discard, Fetch, MeetPeers, Pin, Release
from xfd_api.ports import DataPlane
from xfd_api.profiles import by_profile
from xfd_api.reports import NodeCounters
from xfd_api.settings import RECONFIGURABLE, NodeSettings, SwarmTicket, UnpackCaps
from xfd_api.stores import ObjectStoreConfig
from xfd_api.testing.catalogs import catalog_of
from xfd_api.testing.dataplane import FakeDataPlane
from xfd_api.testing.origin import FakeOrigin
from xfd_dataplane import Node
from xfd_dataplane._native import checksums

SWARM = SwarmId("ab" * 16)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(NodeId("n1"), NodeSettings(root=str(tmp_path / "root")))
    yield node
    node.close()


@pytest.fixture
def store(tmp_path: Path) -> ObjectStoreConfig:
    (tmp_path / "origin").mkdir()
    return ObjectStoreConfig.make_for_local(tmp_path / "origin")


def started_fake(node: NodeId, settings: NodeSettings) -> FakeDataPlane:
    plane = FakeDataPlane(node, FakeOrigin({}))
    plane.settings = settings
    return plane


def joined(node: Node) -> Node:
    node.join(SwarmTicket(SWARM, token="00" * 32))
    return node


def test_an_error_of_the_core_names_object_and_node(node: Node, store: ObjectStoreConfig) -> None:
    lookup = Lookup(None, None, "none.bin", is_prefix=False, destination="")

    with pytest.raises(errors.ObjectNotFoundError) as caught:
        node.find_objects([lookup], by_profile(store))

    assert (caught.value.object, caught.value.node) == ("none.bin", "n1")
    assert caught.value.remedy == errors.ObjectNotFoundError.remedy_by_default


def test_what_was_found_comes_back_as_it_is(
    node: Node, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    file = tmp_path / "origin" / "a"
    file.write_bytes(b"12345")
    lookup = Lookup(None, None, "a", is_prefix=False, destination="")

    [[found]] = node.find_objects([lookup], by_profile(store))

    assert isinstance(found, FoundObject)
    assert (found.key, found.size) == ("a", 5)
    assert found.last_modified_ns == file.stat().st_mtime_ns


CHANGED = NodeSettings(
    root="/elsewhere",
    hub_cache="/elsewhere",
    node_parallelism=3,
    max_uploads=5,
    memory_budget_bytes=1 << 20,
    origin_bytes_per_s=1,
    download_bytes_per_s=2,
    upload_bytes_per_s=3,
    connect_timeout_s=1.0,
    read_timeout_s=2.0,
    attempts=3,
    relay_wait_s=4.0,
    unpack_caps=UnpackCaps(max_entries=1),
    verify_whole=True,
    cache_quota_bytes=1,
    cache_max_age_s=1.0,
)


@pytest.mark.parametrize("name", [item.name for item in dataclasses.fields(NodeSettings)])
@pytest.mark.parametrize("make", [Node, started_fake], ids=["native", "fake"])
def test_a_running_node_changes_what_can_be_changed_and_refuses_the_rest_by_name(
    make: Callable[[NodeId, NodeSettings], DataPlane], name: str, tmp_path: Path
) -> None:
    before = NodeSettings(root=str(tmp_path))
    running = make(NodeId("n1"), before)
    changed = dataclasses.replace(before, **{name: getattr(CHANGED, name)})
    assert changed != before

    if name in RECONFIGURABLE:
        running.reconfigure(changed)
        running.reconfigure(before)
    else:
        with pytest.raises(errors.InvalidRequestError, match=rf"cannot change {name}\b"):
            running.reconfigure(changed)
    running.close()


def test_every_kind_of_order_is_taken(node: Node, store: ObjectStoreConfig) -> None:
    joined(node).extend(SWARM, catalog_of({"a": 10}), by_profile(store))

    node.submit(
        SWARM,
        [
            MeetPeers(((NodeId("n2"), "127.0.0.1:1"),)),
            Pin(((0, 2**64 - 1),)),  # type: ignore[arg-type]
            Fetch(0, 0, 1, None),  # type: ignore[arg-type]
            Cancel(0),  # type: ignore[arg-type]
            Discard((0,)),  # type: ignore[arg-type]
            Release((0,)),  # type: ignore[arg-type]
        ],
    )


def test_what_is_no_order_is_refused_by_name(node: Node, store: ObjectStoreConfig) -> None:
    with pytest.raises(TypeError, match="FoundObject"):
        joined(node).submit(SWARM, [FoundObject("a", 1)])  # type: ignore[list-item]


def test_a_swarm_that_was_not_joined_is_unknown(node: Node, store: ObjectStoreConfig) -> None:
    with pytest.raises(errors.XfdError):
        node.extend(SWARM, catalog_of({"a": 10}), by_profile(store))


def test_counters_start_at_nothing(node: Node) -> None:
    assert joined(node).counters(SWARM) == NodeCounters()
    assert node.counters() == NodeCounters()


def test_relative_destinations_lie_under_the_nodes_root(
    node: Node, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    joined(node).extend(SWARM, catalog_of({"a": 10}), by_profile(store))

    assert (tmp_path / "root" / "out").is_dir()


def test_a_root_has_to_be_absolute() -> None:
    with pytest.raises(ValueError, match="absolute"):
        Node(NodeId("n1"), NodeSettings(root="relative"))


def test_twenty_thousand_objects_cross_quickly(node: Node, store: ObjectStoreConfig) -> None:
    catalog = catalog_of({f"folder/{n:06}": 100 for n in range(20_000)})
    stores = by_profile(store)
    node.close()
    started = time.process_time()

    with pytest.raises(errors.XfdError):
        node.extend(SWARM, catalog, stores)

    assert time.process_time() - started < 0.3


def test_a_poll_lets_other_threads_run_and_ends_at_its_time(node: Node) -> None:
    joined(node)
    counted = 0
    stop = threading.Event()

    def count() -> None:
        nonlocal counted
        while not stop.is_set():
            counted += 1

    thread = threading.Thread(target=count)
    thread.start()
    started = time.monotonic()
    events = node.poll(SWARM, 0.3)
    took = time.monotonic() - started
    stop.set()
    thread.join()

    assert events == []
    assert 0.25 < took < 1.0
    assert counted > 1000


def test_ctrl_c_ends_a_long_poll(node: Node) -> None:
    joined(node)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()

    with pytest.raises(KeyboardInterrupt):
        node.poll(SWARM, 60)

    assert time.monotonic() - started < 1.0


def test_checksums_of_a_files_parts_and_of_the_whole(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"123456789" * 2)

    size, parts, whole = checksums(
        str(file), [9, 9], ["crc64nvme", "crc32c", "crc32", "sha256", "md5"]
    )

    assert size == 18
    assert parts == [0xAE8B14860A799888] * 2
    assert [len(value) for value in whole] == [16, 8, 8, 64, 32]
    file.write_bytes(b"123456789")
    assert checksums(str(file), [], ["crc64nvme", "crc32c", "crc32"]) == (
        9,
        [],
        ["ae8b14860a799888", "e3069283", "cbf43926"],
    )


def test_a_file_that_is_not_there_has_no_checksums(tmp_path: Path) -> None:
    with pytest.raises(errors.DestinationError) as caught:
        checksums(str(tmp_path / "none"), [], [])

    assert caught.value.path == str(tmp_path / "none")
