"""A store that throttles, breaks, hangs, is gone, refuses or lies, in the middle of a distribution.

Four real workers read one real store through `xfd_testing.faulty_proxy`. Either all nodes have the
right bytes at the end, read about once, or the call raises the exact error, and a second call goes
on where the first one stopped.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import xfd_ray
from xfd_api import DownloadRequest, ObjectDownloadRequest, PrefixDownloadRequest, errors
from xfd_api.progress import Progress
from xfd_api.results import DistributionReport
from xfd_api.stores import ObjectStoreConfig
from xfd_testing import artifacts, figures, ray_cluster, s3
from xfd_testing.drivers import Once
from xfd_testing.faults import (
    Alter,
    Break,
    Fault,
    Hang,
    Refuse,
    Shorten,
)
from xfd_testing.faulty_proxy import FaultyProxy, Rule, faulty_proxy, no_fault
from xfd_testing.footprint import files_below
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server
from xfd_testing.slow_link import slow_link

KIB, MIB = 2**10, 2**20
NODES = 4
SIZE = 64 * MIB
SMALL, SMALL_BYTES = 64, 32 * KIB
ALL_BYTES = SIZE + SMALL * SMALL_BYTES
BYTES_PER_S = 16 * MIB
UNDISTURBED_S = ALL_BYTES / BYTES_PER_S
BUCKET = "faulty"
OTHER = b"another version" * 1000
"""Small, so that it is at the store long before the distribution is over."""

REQUESTS = [
    DownloadRequest(ObjectDownloadRequest("big", Path(BUCKET, "big"))),
    DownloadRequest(PrefixDownloadRequest("set/", Path(BUCKET, "set"))),
]


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3.running() as running:
        running.make_bucket(BUCKET)
        yield running


@pytest.fixture(scope="module")
def four(server: S3Server) -> Iterator[RayCluster]:
    with ray_cluster.connected(NODES, env=server.environment()) as running:
        yield running


@pytest.fixture
def store(server: S3Server, four: RayCluster) -> Iterator[FaultyProxy]:
    """Behind a link that makes an undisturbed distribution last for some seconds."""
    server.put(BUCKET, "big", content("big"))
    for number in range(SMALL):
        server.put(BUCKET, f"set/{number}", content(f"set/{number}"))
    with slow_link(server.endpoint, BYTES_PER_S) as slow, faulty_proxy(slow) as faulty:
        yield faulty
    forget(four)


def forget(cluster: RayCluster) -> None:
    """Removes what a distribution has left."""
    for root in cluster.roots:
        shutil.rmtree(root / BUCKET, ignore_errors=True)


def content(key: str) -> bytes:
    size = SIZE if key == "big" else SMALL_BYTES
    return b"".join(artifacts.random_bytes(size, seed=hash_of(key)))


def hash_of(key: str) -> int:
    return sum(place * each for place, each in enumerate(key.encode()))


def distribute(
    store: FaultyProxy, on_progress: Callable[[Progress], object] | None = None
) -> DistributionReport:
    config = ObjectStoreConfig.make_for_s3(BUCKET, endpoint=store.endpoint)
    return xfd_ray.download_distributed(
        REQUESTS, config, chunk_size_bytes=MIB, on_progress=on_progress, deadline_s=240
    )


def assert_whole(cluster: RayCluster, big: bytes | None = None) -> None:
    wanted = {"big": big or content("big")}
    wanted |= {f"set/{number}": content(f"set/{number}") for number in range(SMALL)}
    for root in cluster.roots:
        for name, body in wanted.items():
            assert (root / BUCKET / name).read_bytes() == body, (root, name)
        assert not [path for path in files_below([root / BUCKET]) if "-part" in path.name]


def assert_nothing_half_written(cluster: RayCluster) -> None:
    """What has its name is whole."""
    for root in cluster.roots:
        for name in ("big", *(f"set/{number}" for number in range(SMALL))):
            found = root / BUCKET / name
            assert not found.exists() or found.read_bytes() == content(name), found


def often(share: float, fault: Fault) -> Rule:
    """About this share of the requests for bytes meets a fault."""
    chance = random.Random(21)
    return lambda request: fault if request.is_of_bytes and chance.random() < share else None


OFTEN = {
    "slow-down": often(0.3, Refuse(503, "SlowDown")),
    "slow-down-with-rest": often(0.08, Refuse(503, "SlowDown", retry_after=3)),
    "internal-error": often(0.3, Refuse(500, "InternalError")),
    "reset": often(0.3, Break()),
    "reset-in-body": often(0.3, Break(after=100_000)),
    "hang": often(0.08, Hang()),
    "hang-in-body": often(0.08, Hang(after=100_000)),
}


@pytest.mark.parametrize("name", OFTEN)
def test_a_fault_that_comes_often_costs_time_and_nothing_else(
    name: str, four: RayCluster, store: FaultyProxy
) -> None:
    store.rule = OFTEN[name]
    began = time.monotonic()
    report = distribute(store)
    took = time.monotonic() - began
    assert_whole(four)
    assert report.retries > 0
    assert report.origin_bytes == ALL_BYTES
    assert store.sent_bytes <= 1.5 * ALL_BYTES
    figures.record(
        f"store-{name}",
        f"{took / UNDISTURBED_S:.1f} x the time of its link; {len(store.requests)} requests, "
        f"amplification {store.sent_bytes / ALL_BYTES:.2f}",
    )


def most_in_a_second(store: FaultyProxy, since: float, until: float) -> int:
    """The most requests that arrived in a second between two times."""
    times = [each.at for each in store.requests if since <= each.at < until]
    return max((sum(at <= other < at + 1 for other in times) for at in times), default=0)


def test_no_stampede_when_a_store_returns_that_was_gone_for_20_s(
    four: RayCluster, store: FaultyProxy
) -> None:
    began = time.monotonic()
    distribute(store)
    undisturbed = most_in_a_second(store, began, time.monotonic())
    forget(four)
    read = store.sent_bytes
    back: list[float] = []

    def come_back() -> None:
        back.append(time.monotonic())
        store.come_back()

    def leave() -> None:
        store.go()
        threading.Timer(20, come_back).start()

    distribute(store, Once(leave, past=0.3))
    ended = time.monotonic()
    assert_whole(four)
    after = most_in_a_second(store, back[0], ended)
    assert after <= 1.5 * undisturbed
    figures.record(
        "store-gone-20-s",
        f"over {ended - back[0]:.1f} s after its return; {after} requests in the busiest second "
        f"then, {undisturbed} in that of an undisturbed run; amplification "
        f"{(store.sent_bytes - read) / ALL_BYTES:.2f}",
    )


@dataclass(frozen=True)
class Ending:
    """Something at the store that ends the call.

    Attributes:
        kind: what the call raises.
        says: a part of its text.
        begin: makes it so.
        end: makes it right again.
        big: content of `big` at the store afterwards; None for the same.
        is_new: it is another version afterwards, of which nothing can be there.
    """

    kind: type[errors.XfdError]
    says: str
    begin: Callable[[FaultyProxy, S3Server], object]
    end: Callable[[FaultyProxy, S3Server], object]
    big: bytes | None = None
    is_new: bool = False


def rule(fault: Fault) -> Callable[[FaultyProxy, S3Server], None]:
    """From now on each answer about bytes has this fault."""

    def begin(store: FaultyProxy, server: S3Server) -> None:
        store.rule = lambda request: fault if request.is_of_bytes else None

    return begin


def put(body: Callable[[], bytes]) -> Callable[[FaultyProxy, S3Server], None]:
    return lambda store, server: server.put(BUCKET, "big", body())


def nothing(store: FaultyProxy, server: S3Server) -> None:
    store.rule = no_fault


def other_total(head: bytes) -> bytes:
    """A Content-Range whose total is another one than the object's."""
    return head.replace(f"/{SIZE}\r\n".encode(), f"/{SIZE + 1}\r\n".encode())


ENDINGS = {
    "gone": Ending(
        errors.OriginUnreachableError,
        "Connection refused",
        lambda store, server: store.go(),
        lambda store, server: store.come_back(),
    ),
    "denied": Ending(
        errors.AccessDeniedError, "403 AccessDenied", rule(Refuse(403, "AccessDenied")), nothing
    ),
    "deleted": Ending(
        errors.ObjectNotFoundError,
        "404 NoSuchKey",
        lambda store, server: server.delete(BUCKET, "big"),
        put(lambda: content("big")),
        is_new=True,
    ),
    "overwritten": Ending(
        errors.ObjectChangedError,
        "s3://faulty/big",
        put(lambda: OTHER),
        nothing,
        OTHER,
        is_new=True,
    ),
    "other-total": Ending(
        errors.OriginAnswerError,
        f"an object of {SIZE + 1} bytes",
        rule(Alter(other_total)),
        nothing,
    ),
    "short": Ending(errors.OriginAnswerError, "Content-Length", rule(Shorten(1000)), nothing),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_an_end_is_named_and_a_second_call_goes_on(
    name: str, four: RayCluster, store: FaultyProxy, server: S3Server
) -> None:
    ending = ENDINGS[name]
    began = time.monotonic()
    with pytest.raises(errors.XfdError) as raised:
        distribute(store, Once(lambda: ending.begin(store, server), past=0.3))
    took = time.monotonic() - began
    assert type(raised.value) is ending.kind
    assert ending.says in str(raised.value)
    assert raised.value.object == f"s3://{BUCKET}/big" or "set/" in str(raised.value.object)
    assert raised.value.remedy
    assert_nothing_half_written(four)
    ending.end(store, server)
    before = store.sent_bytes
    report = distribute(store)
    assert_whole(four, ending.big)
    again = (store.sent_bytes - before) / ALL_BYTES
    if not ending.is_new:
        assert report.resumed_bytes > 0
    text = str(raised.value).split(" (")[0]
    figures.record(
        f"store-{name}",
        f"after {took:.1f} s, {len(store.requests)} requests in both calls; "
        f"the second one reads {again:.2f} x the bytes: `{text}`",
    )
