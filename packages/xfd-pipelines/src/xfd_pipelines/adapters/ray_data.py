"""Runs a pipeline on Ray Data: one pool of actors per stage, through which the items stream.

Ray Data's blocks are Arrow tables, which turn tuples into lists, lose types that Arrow does not
know, and refuse some values. So each item is pickled once, and a block has one column of bytes.
"""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pyarrow as pa
import ray
import ray.data
from ray import cloudpickle
from ray.exceptions import RayActorError

from xfd_api import ObjectStoreConfig, ObjectStoreConfigByProfile
from xfd_api.request_forms import as_requests
from xfd_pipelines import failures
from xfd_pipelines.adapters.node_setup import NodeSetup, attempts
from xfd_pipelines.adapters.worker_starts import MOST_DEATHS, WorkerStarts, next_start
from xfd_pipelines.checks import pickled_items, pickled_stage
from xfd_pipelines.prefetch import make_local
from xfd_pipelines.specs import ExecutionMode, PipelineSpec, stages_of
from xfd_pipelines.stage import NodeInfo, Stage, WorkerMetadata
from xfd_pipelines.stage_runs import StageRun

COLUMN = "item"
SCHEMA = pa.schema([(COLUMN, pa.large_binary())])

BLOCKS_PER_CPU = 4
LEAST_BLOCKS = 16
"""Enough blocks of input to keep all workers busy, also if some batches take longer."""

StoreConfig = ObjectStoreConfig | ObjectStoreConfigByProfile | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pipeline with its stages and its input pickled.

    Attributes:
        spec: the pipeline.
        stages: its stages, pickled.
        items: the items of its input, pickled.
    """

    spec: PipelineSpec
    stages: tuple[bytes, ...]
    items: tuple[bytes, ...]


def prepare(spec: PipelineSpec) -> Prepared:
    """Pickles stages and input.

    Raises:
        InvalidRequestError: one of them cannot be pickled.
    """
    stages = tuple(pickled_stage(stage) for stage in stages_of(spec))
    return Prepared(spec, stages, tuple(pickled_items(spec.input_data)))


def run(
    prepared: Prepared, runs: Sequence[StageRun], object_store_config: StoreConfig
) -> list[Any]:
    """Runs a pipeline, and returns the items of its last stage.

    Args:
        prepared: the pipeline.
        runs: how its stages run.
        object_store_config: where their files come from.

    Raises:
        StageError: a worker's process died too often, or a stage did not return a list of items.
        Exception: what a stage raised.
    """
    spec, items = prepared.spec, prepared.items
    if not items or not spec.stages:
        return [pickle.loads(item) for item in items]  # noqa: S301 (pickled by this process)
    run_id = uuid.uuid4().hex
    starts = WorkerStarts(run_id)
    has_order = not isinstance(spec.input_data, set | frozenset)
    with ray.data.DataContext.current(_context(has_order, spec.config.verbose)):
        cpus = int(ray.cluster_resources().get("CPU", 1))
        blocks = _blocks(items, runs[0].batch_size, cpus)
        data: ray.data.Dataset = ray.data.from_arrow(blocks)
        is_batch = spec.config.execution_mode is ExecutionMode.BATCH
        try:
            for place, (each, pickled) in enumerate(zip(runs, prepared.stages, strict=True)):
                plan = WorkerPlan.of(each, place, pickled, object_store_config, run_id)
                data = _mapped(data, each, plan)
                data = data.materialize() if is_batch else data
            return [item for batch in _batches(data) for item in _items(batch)]
        except Exception as error:
            original = _original(error, starts)
            if original is error:
                raise
            raise original from original.__cause__
        finally:
            starts.remove()


def _original(error: Exception, starts: WorkerStarts) -> BaseException:
    """The exception of a stage, or of its process's death; `error` if it is neither."""
    failure = failures.find(error, failures.PackedFailure)
    if failure is not None:
        return failures.unpack(failure)
    death = failures.find(error, RayActorError)
    start = starts.read(death.actor_id) if death is not None and death.actor_id else None
    if start is None:
        return error
    return failures.StageError(
        f"The process of a worker ended in {start.method}: {death}",
        stage=start.stage,
        node=start.node,
        remedy="Look into the worker's log on that node, and at the memory that it used",
    )


def _context(has_order: bool, verbose: bool) -> ray.data.DataContext:
    """A changed copy of the caller's context."""
    context = ray.data.DataContext.get_current().copy()
    context.execution_options.preserve_order = has_order
    context.enable_progress_bars = verbose
    context.print_on_execution_start = verbose
    # Otherwise Ray Data wraps a worker's exception, and the original is lost on the way.
    context.raise_original_map_exception = True
    return context


def _blocks(items: Sequence[bytes], batch_size: int, cpus: int) -> list[pa.Table]:
    """The input in blocks of whole batches, enough to keep all workers busy."""
    blocks = max(LEAST_BLOCKS, BLOCKS_PER_CPU * cpus)
    batches = -(-len(items) // batch_size)
    rows = -(-batches // blocks) * batch_size
    return [_table(items[start : start + rows]) for start in range(0, len(items), rows)]


def _table(pickled: Iterable[bytes]) -> pa.Table:
    return pa.table([list(pickled)], schema=SCHEMA)


def _items(table: pa.Table) -> list[Any]:
    rows = table.column(COLUMN).to_pylist()
    return [pickle.loads(row) for row in rows]  # noqa: S301 (pickled by our own processes)


def _batches(data: ray.data.Dataset) -> Iterable[pa.Table]:
    return cast("Iterable[pa.Table]", data.iter_batches(batch_size=None, batch_format="pyarrow"))


def _mapped(data: ray.data.Dataset, run: StageRun, plan: WorkerPlan) -> ray.data.Dataset:
    least, most = run.workers
    needs = run.stage.required_resources
    pool = ray.data.ActorPoolStrategy(
        min_size=least, max_size=most, max_tasks_in_flight_per_actor=run.slots
    )
    more: dict[str, Any] = {} if run.runtime_env is None else {"runtime_env": dict(run.runtime_env)}
    return data.map_batches(
        StageWorker,
        fn_constructor_args=(plan,),
        batch_size=run.batch_size,
        batch_format="pyarrow",
        compute=pool,
        num_cpus=needs.cpus,
        num_gpus=needs.gpus or None,
        memory=needs.memory_bytes,
        resources=dict(needs.custom) or None,
        **more,
    )


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What every worker of a stage is given.

    Attributes:
        stage_name: the stage's name.
        place: its place in the pipeline.
        pickled_stage: the stage.
        object_store_config: where its files come from.
        run_id: of the run.
        setup_attempts: see `StageRun`.
        run_attempts: see `StageRun`.
    """

    stage_name: str
    place: int
    pickled_stage: bytes = field(repr=False)
    object_store_config: StoreConfig
    run_id: str
    setup_attempts: int = 1
    run_attempts: int = 1

    @staticmethod
    def of(
        run: StageRun, place: int, pickled: bytes, store: StoreConfig, run_id: str
    ) -> WorkerPlan:
        """The plan of one stage."""
        name, setup, again = run.stage.name, run.setup_attempts, run.run_attempts
        return WorkerPlan(name, place, pickled, store, run_id, setup, again)


class StageWorker:
    """One actor of a stage's pool.

    An exception in its constructor is kept, and raised with the first batch. Ray Data would restart
    an actor whose constructor raises for ever, and hide the exception.
    """

    def __init__(self, plan: WorkerPlan) -> None:
        context = ray.get_runtime_context()
        self._node = context.get_node_id()
        self._plan = plan
        self._stage: Stage | None = None
        self._failure: failures.PackedFailure | None = None
        worker_id = context.get_actor_id() or context.get_worker_id()
        starts = WorkerStarts(plan.run_id)
        start = next_start(
            starts.read(worker_id), stage=plan.stage_name, node=self._node, node_lives=_node_lives
        )
        if start.deaths >= MOST_DEATHS:
            self._failure = failures.PackedFailure(
                plan.stage_name,
                start.method,
                start.node,
                f"The process of a worker ended {start.deaths} times",
                None,
            )
            return
        starts.write(worker_id, start := start.in_method("setup"))
        method = "unpickling"
        try:
            stage: Stage = pickle.loads(plan.pickled_stage)  # noqa: S301 (pickled by our driver)
            self._stage = stage
            method = "download_requests"
            requests = as_requests(stage.download_requests)
            if requests:
                make_local(requests, plan.object_store_config)
            metadata = WorkerMetadata(
                plan.stage_name, worker_id, self._node, stage.required_resources
            )
            method = "setup_on_node"
            if type(stage).setup_on_node is not Stage.setup_on_node:
                once = NodeSetup(plan.run_id, plan.place, self._node)
                once.run(lambda: stage.setup_on_node(NodeInfo(self._node), metadata))
            method = "setup"
            attempts(plan.setup_attempts, lambda: stage.setup(metadata), plan.stage_name, method)
        except KeyboardInterrupt:  # Ray cancels by it.
            raise
        except BaseException as error:  # Any exception of the user's code, also `SystemExit`.
            self._failure = self._packed(error, method)
        starts.write(worker_id, start.in_method("process_data"))

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Runs the stage on one batch."""
        if self._failure is not None or self._stage is None:
            raise self._failure or AssertionError("a worker without a stage")
        stage = self._stage
        try:
            made = attempts(
                self._plan.run_attempts,
                lambda: stage.process_data(_items(batch)),
                self._plan.stage_name,
                "process_data",
            )
            return _table([cloudpickle.dumps(item) for item in self._checked(made)])
        except KeyboardInterrupt:  # As above.
            raise
        except BaseException as error:  # As above.
            raise self._packed(error, "process_data") from None

    def __del__(self) -> None:
        """Ray Data drops the object when it lets a worker go, before the process ends."""
        if self._stage is not None:
            self._stage.destroy()

    def _checked(self, made: Any) -> Iterable[Any]:
        """The items that `process_data` returned.

        Raises:
            StageError: it returned something else.
        """
        if made is None:
            return ()
        if isinstance(made, str | bytes | Mapping) or not isinstance(made, Iterable):
            raise failures.StageError(
                f"process_data returned a {type(made).__name__}",
                stage=self._plan.stage_name,
                node=self._node,
                remedy="Return a list of items, [item] for a single one",
            )
        return made

    def _packed(self, error: BaseException, method: str) -> failures.PackedFailure:
        return failures.pack(error, stage=self._plan.stage_name, method=method, node=self._node)


def _node_lives(node: str) -> bool:
    return any(each["NodeID"] == node and each["Alive"] for each in ray.nodes())
