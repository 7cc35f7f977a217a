"""Fixtures of the integration tests: an S3 server, a hub, a Ray cluster of three nodes, drivers.

They are started once for a run, or once for each of its processes (`pytest -n 3 --dist loadfile`).
A test that kills nodes, changes the cluster, or looks at what it starts and leaves, starts its own
with `xfd_testing.ray_cluster.RayCluster.start`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType

import pytest

# Read once, when a test imports `huggingface_hub`. The stand-in does not speak Xet's protocol.
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")

from xfd_testing import hub as hub_server
from xfd_testing import ray_cluster, s3
from xfd_testing.hub import HubServer
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import Identity, S3Server

MODELS_READER = Identity("models-reader", "models-reader-secret", buckets=("profile-models",))
DATASETS_READER = Identity("datasets-reader", "datasets-reader-secret", ("profile-datasets",))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks each test with the servers that its fixtures start, so that a run can leave it out."""
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if names & {"s3_server", "bucket", "cluster"}:
            item.add_marker(pytest.mark.needs_s3)
        if names & {"cluster", "driver"}:
            item.add_marker(pytest.mark.needs_ray)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """Admits its owner, `MODELS_READER` and `DATASETS_READER`, each of these to its bucket."""
    with s3.running([MODELS_READER, DATASETS_READER]) as server:
        yield server


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    """An empty bucket of the test's own."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3_server.make_bucket(name)
    return name


@pytest.fixture(scope="session")
def my_models(s3_server: S3Server) -> str:
    """The bucket that the pages and the docstrings name; each test writes what it reads there."""
    s3_server.make_bucket("my-models")
    return "my-models"


@pytest.fixture(scope="session")
def hub() -> Iterator[HubServer]:
    """A stand-in of the hub, empty at first; each test adds repositories of its own."""
    with hub_server.running() as server:
        yield server


@pytest.fixture(scope="session")
def cluster(s3_server: S3Server, hub: HubServer) -> Iterator[RayCluster]:
    """Three nodes whose environment has the S3 server, its owner's keys, and the hub's address."""
    env = {**s3_server.environment(), **hub.environment()}
    with ray_cluster.running(3, env=env) as running:
        yield running


@contextmanager
def driving(cluster: RayCluster, module: ModuleType) -> Iterator[None]:
    """Connects this process to the cluster as a driver, for the length of a block.

    What `module` defines travels by value, since workers cannot import a test module.
    """
    import ray
    from ray import cloudpickle

    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(module)
        ray.shutdown()


@pytest.fixture
def drive(request: pytest.FixtureRequest) -> Callable[[RayCluster], AbstractContextManager[None]]:
    """`with drive(cluster):` connects to a cluster that the test started by itself."""
    return lambda cluster: driving(cluster, request.module)


@pytest.fixture
def driver(cluster: RayCluster, request: pytest.FixtureRequest) -> Iterator[RayCluster]:
    """The shared cluster, with this process connected to it as a driver."""
    with driving(cluster, request.module):
        yield cluster
