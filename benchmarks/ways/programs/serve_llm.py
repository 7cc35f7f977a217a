"""Serve LLM's `ClusterDownloader` in the process of a replica."""

from __future__ import annotations

import time
from types import SimpleNamespace

import ray
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from benchmarks.ways.program import BUCKET, Files


class Replica:
    """Calls the callback as a replica does. Its engine has a model already."""

    async def start(self, with_xfd: bool) -> float:
        """The seconds that Ray waits for the callback."""
        from xfd_ray.frameworks.serve_llm import ClusterDownloader

        engine = SimpleNamespace(actual_hf_model_id="/none", mirror_config=None)
        config = SimpleNamespace(get_engine_config=lambda: engine)
        group = {"placement_group": ray.util.get_current_placement_group()}
        paths = [(f"s3://{BUCKET}/{key}", key) for key in Files().requests]
        callback = ClusterDownloader(config, True, group, paths=paths if with_xfd else ())
        began = time.perf_counter()
        await callback.run_callback("on_before_node_init")
        passed = time.perf_counter() - began
        if callback._files is not None:
            await callback._files.__aexit__(None, None, None)
        return passed


_replicas: list[ray.actor.ActorHandle] = []


def seconds(_files: Files, with_xfd: bool) -> float:
    """The time of the callback itself; the replica's process is up."""
    if not _replicas:
        group = placement_group([{"CPU": 0.1}])
        placed = PlacementGroupSchedulingStrategy(group, 0, True)
        options = {"num_cpus": 0, "scheduling_strategy": placed}
        _replicas.append(ray.remote(Replica).options(**options).remote())
    return float(ray.get(_replicas[0].start.remote(with_xfd)))
