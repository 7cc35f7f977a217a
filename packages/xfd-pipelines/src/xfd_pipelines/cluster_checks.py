"""Refuses pipelines that the cluster cannot run, before a file moves."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import ray
from ray.exceptions import RayError

from xfd_api.errors import InvalidRequestError
from xfd_pipelines.stage import Stage
from xfd_pipelines.stage_nodes import resources_of
from xfd_pipelines.stage_runs import StageRun
from xfd_ray.cluster.connect import connect_to_ray
from xfd_ray.placement import NodeInfo, nodes_of_ray

Amounts = Mapping[str, float]


def check_cluster(runs: Sequence[StageRun], pickled: Sequence[bytes], *, may_grow: bool) -> None:
    """Refuses stages that no node can run, and stages that the workers cannot import.

    Args:
        runs: the stages of the pipeline, and how they run.
        pickled: the same stages, pickled.
        may_grow: nodes may join that have what the present nodes lack: resources are not checked.

    Raises:
        InvalidRequestError: it names the stage.
    """
    if not may_grow:
        check_room(runs, nodes_of_ray(ray.nodes()))
    _check_imports([run.stage for run in runs], pickled)


def connect() -> None:
    """Connects to Ray as `ray.init()` does, unless that was done already.

    Raises:
        ClusterConnectionError: see `connect_to_ray`.
        InvalidRequestError: this process is connected through Ray Client, over which Ray Data does
            not run; or it was forked from a connected process.
    """
    connect_to_ray()
    if ray.util.client.ray.is_connected():
        raise InvalidRequestError(
            "run_pipeline does not work over ray:// (Ray Client)",
            remedy="Submit the program as a Ray job (ray job submit), or run it on a node",
        )


def check_room(runs: Sequence[StageRun], nodes: Sequence[NodeInfo]) -> None:
    """Refuses a stage whose worker fits on no node, and least workers that do not fit together.

    Raises:
        InvalidRequestError: it names the stage, the resource, and how much there is of it.
    """
    for stage in (run.stage for run in runs):
        needs = resources_of(stage)
        if any(_fits(needs, node) for node in nodes):
            continue
        short = [n for n, need in needs.items() if _most(nodes, n) < need] or sorted(needs)
        there = ", ".join(
            f"{n} {needs[n]:g} (the most a node has is {_most(nodes, n):g})" for n in short
        )
        raise InvalidRequestError(
            f"Stage {stage.name}: no node of the cluster has its required_resources: {there}",
            remedy="Ask for less, add such a node, or set PipelineConfig(cluster_may_grow=True)",
        )
    for name in {name for run in runs for name in resources_of(run.stage)}:
        total = sum(node.resources.get(name, 0.0) for node in nodes)
        needed = [
            (run.stage.name, run.workers[0] * resources_of(run.stage).get(name, 0.0))
            for run in runs
        ]
        at_once = sum(amount for _, amount in needed)
        if at_once > total * (1 + 1e-9):
            raise InvalidRequestError(
                f"The least workers of all stages need {name} {at_once:g} at once "
                f"({', '.join(f'{s} {n:g}' for s, n in needed if n)}), "
                f"and the cluster has {total:g}",
                remedy="Lower required_resources or the least of workers, add nodes, "
                "or set PipelineConfig(cluster_may_grow=True)",
            )


def _fits(needs: Amounts, node: NodeInfo) -> bool:
    return all(node.resources.get(name, 0.0) >= need for name, need in needs.items())


def _most(nodes: Sequence[NodeInfo], name: str) -> float:
    return max((node.resources.get(name, 0.0) for node in nodes), default=0.0)


def _check_imports(stages: Sequence[Stage], pickled: Sequence[bytes]) -> None:
    """Lets one worker unpickle each stage whose class it has to import."""
    imported = [
        (stage, data)
        for stage, data in zip(stages, pickled, strict=True)
        if type(stage).__module__ != "__main__"
    ]
    if not imported:
        return
    unpickle: Any = ray.remote(num_cpus=0, max_retries=1)(_unpickle)
    try:
        failures = ray.get(unpickle.remote([data for _, data in imported]))
    except RayError as error:  # Code at import may end the process; the worker reports that later.
        failures = [str(error)] if len(imported) == 1 else []
    for (stage, _), failure in zip(imported, failures, strict=False):
        if failure is not None:
            raise InvalidRequestError(
                f"Stage {stage.name} cannot be imported on the cluster: {failure}",
                remedy=f"Ship module {type(stage).__module__} with ray.init(runtime_env="
                '{"working_dir": ...} or {"py_modules": [...]}), or install it on every node',
            )


def _unpickle(pickled: list[bytes]) -> list[str | None]:
    failures: list[str | None] = []
    for data in pickled:
        try:
            pickle.loads(data)  # noqa: S301 (pickled by our driver)
            failures.append(None)
        except Exception as error:  # A module may raise anything when it is imported.
            failures.append(f"{type(error).__name__}: {error}")
    return failures
