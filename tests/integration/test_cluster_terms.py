"""Drivers with other environments on one cluster: each has keys, a root and code of its own.

Each driver is a process, with a `runtime_env` of its own. They follow each other, so that each
finds the coordinator and the workers of the one before it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import xfd_ray
from xfd_api import DownloadRequest, NodeSettings, ObjectDownloadRequest, ObjectStoreConfig
from xfd_testing.processes import free_ports
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import Identity, S3Server
from xfd_testing.waiting import until

MODELS_READER = Identity("models-reader", "models-reader-secret", ("profile-models",))
DATASETS_READER = Identity("datasets-reader", "datasets-reader-secret", ("profile-datasets",))
"""As the shared server knows them."""

DRIVER = """
import json, sys
import ray, xfd_ray
from pathlib import Path
from xfd_api import DownloadRequest, ObjectDownloadRequest, ObjectStoreConfig, local_path
from xfd_api.errors import AccessDeniedError, XfdError

address, runtime_env, calls = json.loads(sys.argv[1])
ray.init(address, runtime_env=runtime_env, log_to_driver=False, logging_level="ERROR")

@ray.remote(num_cpus=0)
def seen(destination):
    path = local_path(destination)
    return [str(path), path.read_text() if path.exists() else None]

answers = []
for bucket, destination, options in calls:
    wanted = [DownloadRequest(ObjectDownloadRequest("a.txt", Path(destination)))]
    store = ObjectStoreConfig.make_for_s3(bucket)
    if options.pop("local", False):
        call = lambda: ray.get(ray.remote(num_cpus=0)(xfd_ray.ensure_local).remote(wanted, store))
    else:
        call = lambda: xfd_ray.download_distributed(wanted, store, **options)
    try:
        report = call()
        answers.append([report.origin_bytes, *ray.get(seen.remote(destination))])
    except XfdError as error:
        denied = isinstance(error, AccessDeniedError)
        answers.append(["denied" if denied else "failed", str(error)])
print(json.dumps(answers))
"""


def drive(
    cluster: RayCluster, runtime_env: Mapping[str, Any], *calls: tuple[str, str, dict[str, Any]]
) -> list[list[Any]]:
    """Runs a driver with this `runtime_env`; returns the result of each of its calls."""
    plan = json.dumps([cluster.address, runtime_env, calls])
    command = [sys.executable, "-c", DRIVER, plan]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    answers: list[list[Any]] = json.loads(ran.stdout.splitlines()[-1])
    return answers


@pytest.fixture(scope="module")
def buckets(s3_server: S3Server) -> tuple[str, str]:
    """The bucket of `MODELS_READER` and that of `DATASETS_READER`."""
    names = ("profile-models", "profile-datasets")
    known = {bucket["Name"] for bucket in s3_server.client.list_buckets()["Buckets"]}
    for bucket in names:
        if bucket not in known:  # Another module has tests with these identities, too.
            s3_server.make_bucket(bucket)
        s3_server.put(bucket, "a.txt", bucket.encode())
    return names


def variables(identity: Identity, root: Path) -> dict[str, Any]:
    return {
        "env_vars": {
            "AWS_ACCESS_KEY_ID": identity.access_key_id,
            "AWS_SECRET_ACCESS_KEY": identity.secret_access_key,
            "XFD_ROOT": str(root),
        }
    }


def test_each_driver_reads_with_its_own_keys_into_its_own_root(
    cluster: RayCluster, buckets: tuple[str, str], tmp_path: Path
) -> None:
    models, datasets = buckets
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    first = drive(
        cluster,
        variables(MODELS_READER, mine),
        (models, "t/1", {}),
        (models, "t/2", {"local": True}),
        (datasets, "t/3", {}),
    )
    assert first[0] == [len(models), str(mine / "t/1"), models]
    assert first[1][1:] == [str(mine / "t/2"), models]
    assert first[2][0] == "denied"

    second = drive(
        cluster,
        variables(DATASETS_READER, theirs),
        (models, "t/1", {}),
        (models, "t/2", {"local": True}),
        (datasets, "t/3", {}),
    )
    assert [answer[0] for answer in second[:2]] == ["denied"] * 2
    assert second[2] == [len(datasets), str(theirs / "t/3"), datasets]

    # Without variables a driver has the nodes' environment: the owner's keys, and their roots.
    third = drive(cluster, {}, (models, "t/1", {}), (datasets, "t/2", {"local": True}))
    assert [answer[2] for answer in third] == [models, datasets]
    assert Path(third[0][1]) in [root / "t/1" for root in cluster.roots]


def test_calls_with_other_settings_leave_one_worker_and_one_port_is_enough(
    driver: RayCluster, bucket: str, s3_server: S3Server
) -> None:
    s3_server.put(bucket, "a.txt", b"a")
    store = ObjectStoreConfig.make_for_s3(bucket)
    wanted = [DownloadRequest(ObjectDownloadRequest("a.txt", Path(bucket, "a.txt")))]
    node = driver.nodes[1].id
    [port] = free_ports(1)
    for options in (
        {"node_parallelism": 3},
        {"node_parallelism": 5},
        {"node_settings": NodeSettings(attempts=3)},
        {"node_settings": NodeSettings(attempts=4, memory_budget_bytes=2**24)},
    ):
        report = xfd_ray.download_distributed(
            wanted, store, nodes=[node], peer_ports=(port, port), **options
        )
        assert [Path(each.root) for each in report.nodes] == [driver.nodes[1].root]
        # The earlier worker may take a moment to end.
        until(lambda: workers_of(node) == 1, 10, "the worker before is left")


def workers_of(node: str) -> int:
    return sum(worker.id == node for status in xfd_ray.status() for worker in status.nodes)


def test_a_driver_has_its_folder_of_code_alone(
    cluster: RayCluster, buckets: tuple[str, str], tmp_path: Path
) -> None:
    """A package that is broken on one driver's `PYTHONPATH` fails that driver only."""
    models, _ = buckets
    code = tmp_path / "code"
    code.mkdir()
    (code / "its_module.py").write_text("")
    runtime_env = {"working_dir": str(code), "env_vars": {"XFD_ROOT": str(tmp_path / "its")}}
    [answer] = drive(cluster, runtime_env, (models, "w/1", {}))
    assert answer[1:] == [str(tmp_path / "its/w/1"), models]
    # A path that Python reads at its start makes another interpreter, and another coordinator.
    (code / "xfd_scheduler.py").write_text("raise ImportError('not the real one')")
    [answer] = drive(cluster, {"env_vars": {"PYTHONPATH": str(code)}}, (models, "w/2", {}))
    assert answer[0] == "failed"
    [answer] = drive(cluster, {}, (models, "w/3", {"node_parallelism": 3}))
    assert answer[2] == models
