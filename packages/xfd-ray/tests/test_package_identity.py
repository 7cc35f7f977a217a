"""Drivers that run the same share a coordinator; one of other packages gets its own. No Ray."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from inprocess import lease

import xfd_ray
from xfd_api.errors import CoordinatorLostError, VersionMismatchError
from xfd_ray.client.lease_client import LeaseClient
from xfd_ray.cluster import coordinator_client, coordinator_queries
from xfd_ray.cluster.coordinator_client import CoordinatorClient
from xfd_ray.cluster.package_identity import interpreter_of, packages_of
from xfd_ray.messages import LeaseState, LeaseStatus

PIP = {"packages": ["numpy"], "pip_check": False}


@pytest.mark.parametrize(
    ("runtime_env", "is_rays_own"),
    [
        ({}, True),
        ({"env_vars": {"AWS_PROFILE": "a", "OMP_NUM_THREADS": "1"}}, True),
        ({"working_dir": "gcs://a.zip", "py_modules": ["gcs://b.zip"], "excludes": ["c"]}, True),
        ({"config": {"setup_timeout_seconds": 60}, "_ray_commit": "x", "pip": None}, True),
        ({"pip": PIP}, False),
        ({"uv": PIP}, False),
        ({"conda": "env"}, False),
        ({"image_uri": "image"}, False),
        ({"py_executable": "uv run python"}, False),
        ({"worker_process_setup_hook": "module.hook"}, True),
        ({"env_vars": {"PYTHONPATH": "/code"}}, False),
        ({"env_vars": {"LD_PRELOAD": "/lib.so"}}, False),
    ],
)
def test_what_makes_another_interpreter(runtime_env: dict[str, Any], is_rays_own: bool) -> None:
    assert (interpreter_of(runtime_env) == "") is is_rays_own
    assert interpreter_of({**runtime_env, "working_dir": "gcs://other.zip"}) == interpreter_of(
        runtime_env
    )


def test_packages_of_ones_own_differ_by_code_and_versions() -> None:
    versions: dict[str, str | None] = {"xfd_ray": "1"}
    one = packages_of({"working_dir": "gcs://a.zip"}, versions)
    assert one == packages_of({"working_dir": "gcs://a.zip", "env_vars": {"A": "b"}}, versions)
    assert one != packages_of({"working_dir": "gcs://b.zip"}, versions)
    assert one != packages_of({"working_dir": "gcs://a.zip"}, {"xfd_ray": "2"})


class Cluster:
    """Coordinators by their packages' name; `answers` are what each says to `attach`, `watch`."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.running = {"shared"}
        self.log: list[str] = []

    def find(self, packages: str) -> str | None:
        name = "own" if packages else "shared"
        return name if name in self.running else None

    def start(self, packages: str, *, or_elsewhere: bool) -> str:
        assert not or_elsewhere, "Ray refused nothing here"
        name = "own" if packages else "shared"
        self.log.append(f"start {name}")
        self.running.add(name)
        return name

    def call(self, client: CoordinatorClient, method: str, timeout_s: float, *args: Any) -> Any:
        self.log.append(f"{method} {client._handle}")
        answer = self.answers[client._handle]
        if method == "detach":
            return None
        if isinstance(answer, Exception):
            raise answer
        return LeaseStatus(LeaseState.RUNNING) if method == "attach" else answer


DONE = LeaseStatus(LeaseState.DONE, report=object())  # type: ignore[arg-type]
DIFFERS = VersionMismatchError("xfd_ray is 1 instead of 2")
NODE_LACKS = LeaseStatus(LeaseState.FAILED, error=VersionMismatchError("lacks packages"))


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    def run(cluster: Cluster) -> Any:
        monkeypatch.setattr(coordinator_client.ray, "is_initialized", lambda: True)
        monkeypatch.setattr(coordinator_client, "current_runtime_env", dict)
        monkeypatch.setattr(coordinator_client, "find_coordinator", cluster.find)
        monkeypatch.setattr(coordinator_client, "start_coordinator", cluster.start)
        monkeypatch.setattr(coordinator_client, "start_workers", lambda request: [])
        monkeypatch.setattr(
            CoordinatorClient, "_call", lambda client, *args: cluster.call(client, *args)
        )
        client = LeaseClient(lease("l", "big"), CoordinatorClient(), sleep=lambda s: None)
        try:
            return client.run()
        finally:
            client.close()

    return run


@pytest.mark.parametrize("said", [DIFFERS, NODE_LACKS])
def test_a_driver_refused_by_a_shared_coordinator_starts_its_own(through, said) -> None:
    cluster = Cluster(shared=said, own=DONE)
    assert through(cluster) is DONE.report
    assert "start own" in cluster.log
    assert cluster.log[-1] == "detach own"
    if said is NODE_LACKS:
        assert "detach shared" in cluster.log, "the refused lease is given back"


@pytest.mark.parametrize("said", [DIFFERS, NODE_LACKS])
def test_a_driver_refused_by_its_own_coordinator_gets_the_error(through, said) -> None:
    cluster = Cluster(shared=said, own=said)
    with pytest.raises(VersionMismatchError):
        through(cluster)
    assert cluster.log.count("start own") == 1


@pytest.mark.parametrize("said", [DIFFERS, NODE_LACKS])
def test_a_driver_that_started_the_coordinator_starts_no_other(through, said) -> None:
    cluster = Cluster(shared=said)
    cluster.running.clear()
    with pytest.raises(VersionMismatchError):
        through(cluster)
    assert "start own" not in cluster.log


def test_a_lost_coordinator_of_ones_own_is_followed_by_one_of_its_own(through) -> None:
    cluster = Cluster(shared=DIFFERS, own=DONE)
    calls = iter([CoordinatorLostError("gone")])
    true_call = cluster.call

    def call(client: CoordinatorClient, method: str, *args: Any) -> Any:
        if method == "watch" and (lost := next(calls, None)) is not None:
            cluster.running.discard("own")
            raise lost
        return true_call(client, method, *args)

    cluster.call = call  # type: ignore[method-assign]
    assert through(cluster) is DONE.report
    assert cluster.log.count("start own") == 2


def test_a_coordinator_of_another_version_is_recognised_by_its_methods(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coordinator_client.ray, "is_initialized", lambda: True)
    client = CoordinatorClient()
    client._handle = object()
    with pytest.raises(VersionMismatchError, match="another version of xfd"):
        client.attach(lease("l", "big"), timeout_s=1.0)
    monkeypatch.setattr(coordinator_queries, "connect_to_ray", lambda: None)
    monkeypatch.setattr(coordinator_queries, "find_coordinators", lambda: [object()])
    for question in (xfd_ray.status, xfd_ray.metrics_addresses):
        with pytest.raises(VersionMismatchError, match="another version of xfd"):
            question()
