"""Ray Data, Ray Train, Ray Serve and plain actors: the examples, late nodes, and bad input."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import xfd_ray
from xfd_api.errors import AccessDeniedError, XfdError
from xfd_api.paths import local_path
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_testing import artifacts
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import ONCE, S3Server

ROOT = Path(__file__).parents[2]
MIB = 2**20
WEIGHTS = b"".join(artifacts.random_bytes(3 * MIB, seed=60))
OTHER = {"access_key_id": "models-reader", "secret_access_key": "models-reader-secret"}
"""Keys that may not read the test's bucket."""


@pytest.fixture
def llama(my_models: str, cluster: RayCluster, s3_server: S3Server) -> Iterator[None]:
    """What the examples read, on no node yet."""
    s3_server.put(my_models, "llama/config.json", b'{"model_type": "llama"}')
    s3_server.put(my_models, "llama/tokenizer.json", b"{}")
    s3_server.put(my_models, "llama/weights.safetensors", WEIGHTS)
    clear(cluster, "llama")
    yield
    clear(cluster, "llama")


@pytest.fixture
def place(bucket: str, driver: RayCluster, s3_server: S3Server) -> Iterator[str]:
    """A folder below each node's root that is this test's own; `big` is in the bucket."""
    s3_server.put(bucket, "big", WEIGHTS)
    yield bucket
    clear(driver, bucket)


def clear(cluster: RayCluster, folder: str) -> None:
    for root in cluster.roots:
        shutil.rmtree(root / folder, ignore_errors=True)
        (root / f".{folder}.xfd").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("example", "printed"),
    [
        ("any_ray_program", f'{len(WEIGHTS)} bytes of weights\n{{"model_type": "llama"}}'),
        ("async_actor", "[23, 2]"),
        ("ray_data_model", """{'{"model_type": "llama"}!'}"""),
        ("ray_train_ranks", f"2 ranks have {len(WEIGHTS)} bytes"),
        ("ray_serve_model", '{"model_type": "llama"}'),
    ],
)
def test_an_example_finds_its_files(
    example: str, printed: str, llama: None, cluster: RayCluster, tmp_path: Path
) -> None:
    ran = subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"{example}.py")],
        env={**os.environ, "RAY_ADDRESS": cluster.address, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert printed in ran.stdout


def request(place: str) -> DownloadRequest:
    return DownloadRequest(ObjectDownloadRequest("big", Path(place, "big")))


def actor_with(place: str, store: ObjectStoreConfig) -> Any:
    """An actor whose constructor reads the file."""

    @xfd_ray.with_files(request(place), store)
    class Sized:
        def __init__(self) -> None:
            self.size = local_path(Path(place, "big")).stat().st_size

        def read(self) -> int:
            return self.size

    return ray.remote(Sized)


def on(node: str) -> dict[str, Any]:
    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False)}


def test_a_node_that_comes_later_reads_the_files_from_an_actor_that_has_them(
    bucket: str, place: str, driver: RayCluster, s3_server: S3Server
) -> None:
    kind = actor_with(place, ObjectStoreConfig.make_for_s3(bucket))
    actors = []
    for node in driver.nodes:
        actors.append(kind.options(**on(node.id)).remote())
        assert ray.get(actors[-1].read.remote(), timeout=60) == len(WEIGHTS)
    assert s3_server.sent_bytes(bucket) <= ONCE * len(WEIGHTS)
    assert all((root / place / "big").read_bytes() == WEIGHTS for root in driver.roots)


def refused_by_its_store(bucket: str, place: str, _folder: Path) -> tuple[Any, str]:
    store = ObjectStoreConfig.make_for_s3(bucket, **OTHER)
    return (request(place), store), "403"


def too_large_for_the_disk(_bucket: str, place: str, folder: Path) -> tuple[Any, str]:
    with (folder / "big").open("wb") as sparse:
        sparse.truncate(shutil.disk_usage(folder).free + 2**40)
    return (request(place), ObjectStoreConfig.make_for_local(folder)), "Free room there"


FAULTS = [refused_by_its_store, too_large_for_the_disk]


@pytest.mark.parametrize("fault", FAULTS)
def test_an_actor_and_a_task_raise_what_is_wrong(
    fault: Any, bucket: str, place: str, driver: RayCluster, tmp_path: Path
) -> None:
    (wanted, store), text = fault(bucket, place, tmp_path)
    with pytest.raises(ray.exceptions.ActorDiedError, match=text):
        ray.get(actor_with(place, store).remote().read.remote(), timeout=60)
    task = ray.remote(lambda: xfd_ray.ensure_local(wanted, store))
    with pytest.raises(XfdError, match=text):
        ray.get(task.remote(), timeout=60)


def test_ray_data_raises_what_is_wrong(bucket: str, place: str, driver: RayCluster) -> None:
    import ray.data

    @xfd_ray.with_files(request(place), ObjectStoreConfig.make_for_s3(bucket, **OTHER))
    class Model:
        def __call__(self, batch: Any) -> Any:
            return batch

    with pytest.raises(ray.exceptions.ActorDiedError) as raised:
        ray.data.range(8).map_batches(Model, concurrency=1).take_all()
    assert_says_what_and_what_to_do(str(raised.value))


def test_ray_train_raises_what_is_wrong(bucket: str, place: str, driver: RayCluster) -> None:
    from ray import train
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    store = ObjectStoreConfig.make_for_s3(bucket, **OTHER)
    trainer = DataParallelTrainer(
        lambda: xfd_ray.ensure_local(request(place), store),
        scaling_config=train.ScalingConfig(num_workers=2),
    )
    with pytest.raises(train.TrainingFailedError) as raised:
        trainer.fit()
    assert_says_what_and_what_to_do(str(raised.value))


def test_the_status_of_ray_serve_says_what_is_wrong(
    bucket: str, place: str, driver: RayCluster
) -> None:
    from ray import serve

    @serve.deployment
    @xfd_ray.with_files(request(place), ObjectStoreConfig.make_for_s3(bucket, **OTHER))
    class Model:
        def __call__(self) -> None: ...

    serve.start(proxy_location="Disabled")
    try:
        with pytest.raises(RuntimeError, match="Model"):
            serve.run(Model.bind())
        (application,) = serve.status().applications.values()
        assert_says_what_and_what_to_do(application.deployments["Model"].message)
    finally:
        serve.shutdown()


def assert_says_what_and_what_to_do(text: str) -> None:
    remedy = AccessDeniedError("x").remedy
    assert remedy
    assert remedy in text
    assert "AccessDeniedError" in text
