"""Serve LLM: replicas have their model before the engine starts, and it is read once.

Ray's own classes call the callback here, as a replica does. The engine's configuration is a
stand-in, because Ray's needs vLLM; `nox -s serve-llm` runs real engines.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import (
    NodeAffinitySchedulingStrategy,
    PlacementGroupSchedulingStrategy,
)

from xfd_testing import artifacts
from xfd_testing.hub import HubServer, caches, models
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import ONCE, S3Server

pytest.importorskip("ray.llm._internal.serve.core.configs.llm_config")

MIB = 2**20
DOWNLOADER = "xfd_ray.frameworks.serve_llm.ClusterDownloader"
FILES = models.bert(4 * MIB, seed=91)


class Engine:
    """What `VLLMEngineConfig` has for a callback."""

    def __init__(
        self, model: str, bucket_uri: str | None, extra: Sequence[tuple[str, str]]
    ) -> None:
        from ray.llm._internal.common.utils.cloud_utils import CloudMirrorConfig

        files = [{"bucket_uri": uri, "destination_path": folder} for uri, folder in extra]
        has_mirror = bucket_uri is not None or extra
        self.hf_model_id = model
        self.mirror_config = (
            CloudMirrorConfig(bucket_uri=bucket_uri, extra_files=files) if has_mirror else None
        )
        self.engine_kwargs: dict[str, Any] = {}

    @property
    def actual_hf_model_id(self) -> str:
        return self.hf_model_id

    def get_or_create_pg(self) -> Any:
        return ray.util.get_current_placement_group()

    def get_runtime_env_with_local_env_vars(self) -> dict[str, Any]:
        return {}


def on_its_node(config: Any) -> str:
    """What `initialize_remote_node` of Ray does, in a task on each node."""
    callback = config.get_or_create_callback()
    callback.run_callback_sync("on_before_download_model_files_distributed")
    return str(config.get_engine_config().hf_model_id)


class Replica:
    """Starts as `VLLMEngine.start` does."""

    async def start(
        self,
        model: str,
        kwargs: dict[str, Any],
        bucket_uri: str | None = None,
        extra: Sequence[tuple[str, str]] = (),
        load_format: str = "auto",
    ) -> tuple[str, bool, bool]:
        """The engine's model, whether it is a folder here, and whether a mirror is left."""
        from ray.llm._internal.serve.core.configs.llm_config import LLMConfig

        config = LLMConfig(
            model_loading_config={"model_id": model},
            engine_kwargs={"load_format": load_format},
            callback_config={"callback_class": DOWNLOADER, "callback_kwargs": kwargs},
        )
        engine: Any = Engine(model, bucket_uri, extra)
        config._engine_config = engine
        callback: Any = config.get_or_create_callback()
        await callback.run_callback("on_before_node_init")
        placed = ray.util.placement_group_table(callback.ctx.placement_group)
        task = ray.remote(on_its_node)
        nodes = set(placed["bundles_to_node_id"].values())
        pinned = [NodeAffinitySchedulingStrategy(node, soft=False) for node in nodes]
        tasks = [
            task.options(num_cpus=0, scheduling_strategy=each).remote(config) for each in pinned
        ]
        assert set(await asyncio.gather(*tasks)) == {engine.hf_model_id}
        await callback.run_callback("on_after_node_init")
        self.config = config  # A replica keeps it, and with it the files' lease.
        has_mirror = engine.mirror_config is not None
        return engine.hf_model_id, Path(engine.hf_model_id).is_dir(), has_mirror


@contextmanager
def replica_on(cluster: RayCluster, *places: int) -> Iterator[Any]:
    """A replica whose placement group has a bundle on each of these nodes."""
    names = [cluster.nodes[place].id for place in places]
    bundles = [{"CPU": 0.1} for _ in names]
    group: PlacementGroup = placement_group(
        bundles, bundle_label_selector=[{"ray.io/node-id": name} for name in names]
    )
    ray.get(group.ready(), timeout=60)
    strategy = PlacementGroupSchedulingStrategy(
        group, placement_group_bundle_index=0, placement_group_capture_child_tasks=True
    )
    replica = ray.remote(Replica).options(num_cpus=0, scheduling_strategy=strategy).remote()
    try:
        yield replica
    finally:
        ray.kill(replica)
        remove_placement_group(group)


def test_the_nodes_of_a_replica_and_of_a_later_one_read_the_hub_once(
    driver: RayCluster, hub: HubServer
) -> None:
    original = {"original/consolidated.pth": b"of another loader"}
    repository = hub.add("serve/bert", {"main": {**FILES, **original}})
    weights = repository.files()["model.safetensors"]
    commit = repository.revisions["main"]
    with replica_on(driver, 0, 1) as first, replica_on(driver, 2) as later:
        model, is_there, _ = ray.get(first.start.remote("serve/bert", {}), timeout=60)
        assert is_there
        assert model.endswith(f"models--serve--bert/snapshots/{commit}")
        assert ray.get(later.start.remote("serve/bert", {}), timeout=60)[1]
    for node in driver.nodes:
        assert caches.snapshot_of(node.hf_home, "serve/bert") == FILES
    assert hub.sent_bytes(weights.blob_id) == weights.size


def test_replicas_that_start_at_once_share_one_download(
    bucket: str, driver: RayCluster, s3_server: S3Server, tmp_path: Path
) -> None:
    body = b"".join(artifacts.random_bytes(6 * MIB, seed=92))
    s3_server.put(bucket, "llama/weights", body)
    s3_server.put(bucket, "llama/more/config.json", b"{}")
    kwargs = {"paths": [(f"s3://{bucket}/llama", bucket)]}
    with replica_on(driver, 0) as a, replica_on(driver, 1) as b, replica_on(driver, 2) as c:
        starts = [each.start.remote(str(tmp_path), kwargs) for each in (a, b, c)]
        assert {each[0] for each in ray.get(starts, timeout=60)} == {str(tmp_path)}
    for root in driver.roots:
        assert artifacts.tree_of(root / bucket) == {"weights": body, "more/config.json": b"{}"}
    assert s3_server.sent_bytes(bucket) <= ONCE * len(body) + 2


def test_a_mirror_and_its_extra_files_come_by_xfd(
    bucket: str, driver: RayCluster, s3_server: S3Server
) -> None:
    s3_server.put(bucket, "mirror/config.json", b"{}")
    s3_server.put(bucket, "extra/chat.jinja", b"{{ x }}")
    with replica_on(driver, 1) as replica:
        extra = [(f"s3://{bucket}/extra", f"{bucket}/extra")]
        start = replica.start.remote(f"{bucket}/model", {}, f"s3://{bucket}/mirror", extra)
        model, is_there, has_mirror = ray.get(start, timeout=60)
    root = driver.nodes[1].root
    assert (model, is_there, has_mirror) == (f"{root}/serve-llm/{bucket}--model", True, False)
    assert artifacts.tree_of(Path(model)) == {"config.json": b"{}"}
    assert artifacts.tree_of(root / bucket / "extra") == {"chat.jinja": b"{{ x }}"}
    assert not (driver.roots[0] / "serve-llm" / f"{bucket}--model").exists()


def test_a_model_that_is_streamed_into_the_engine_is_left_to_it(
    bucket: str, driver: RayCluster, s3_server: S3Server
) -> None:
    s3_server.put(bucket, "mirror/config.json", b"{}")
    with replica_on(driver, 0) as replica:
        start = replica.start.remote(
            "org/none", {}, f"s3://{bucket}/mirror", (), load_format="runai_streamer"
        )
        assert ray.get(start, timeout=60) == ("org/none", False, True)


@pytest.mark.parametrize(
    ("model", "kwargs", "what"),
    [
        ("serve/nothing", {}, r"ClusterDownloader.*serve/nothing.*Check"),
        ("/none", {"paths": ["s3://b/k"]}, r"paths holds 's3://b/k'.*Give pairs"),
        ("/none", {"paths": [("s3://anonymous@b/k", "k")]}, "anonymous=True"),
        ("/none", {"paths": [("azure://b/k", "k")]}, "xfd knows no azure:// uris"),
        ("/none", {"paths": [("s3://b/k", "../k")]}, "climbs out of its folder"),
        ("/none", {"path": []}, "unexpected keyword argument 'path'"),
        ("name:tag", {}, "This is no name of a repository.*Write ORG/NAME"),
    ],
)
def test_the_error_of_a_replica_says_what_to_do(
    driver: RayCluster, model: str, kwargs: dict[str, Any], what: str
) -> None:
    with replica_on(driver, 0) as replica, pytest.raises(Exception, match=what):
        ray.get(replica.start.remote(model, kwargs), timeout=60)


def test_a_full_disk_is_named_with_what_to_do(
    bucket: str, driver: RayCluster, s3_server: S3Server, tmp_path: Path
) -> None:
    s3_server.put(bucket, "llama/weights", bytes(6 * MIB))
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        kwargs = {"paths": [(f"s3://{bucket}/llama", f"{tmp_path}/llama")]}
        with replica_on(driver, 0) as replica, pytest.raises(Exception, match="Free room there"):
            ray.get(replica.start.remote("/none", kwargs), timeout=60)
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)
