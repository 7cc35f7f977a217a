"""Runs a pipeline on Ray Data: one pool of actors per stage, through which the items stream.

Ray Data's blocks are Arrow tables, which turn tuples into lists, lose types that Arrow does not
know, and refuse some values. So each item is pickled once, and a block has one column of bytes.
"""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pyarrow as pa
import ray
import ray.data
from ray import cloudpickle
from ray.exceptions import RayActorError

from xfd_api import ObjectStoreConfig, ObjectStoreConfigByProfile
from xfd_api.request_forms import as_requests
from xfd_pipelines import failures
from xfd_pipelines.adapters.worker_starts import MOST_DEATHS, WorkerStarts, next_start
from xfd_pipelines.checks import pickled_items, pickled_stage, workers_of
from xfd_pipelines.prefetch import make_local
from xfd_pipelines.specs import PipelineSpec
from xfd_pipelines.v1 import Stage, WorkerMetadata

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
    stages = tuple(pickled_stage(stage) for stage in spec.stages)
    return Prepared(spec, stages, tuple(pickled_items(spec.input_data)))


def run(prepared: Prepared, object_store_config: StoreConfig) -> list[Any]:
    """Runs a pipeline, and returns the items of its last stage.

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
        blocks = _blocks(items, spec.stages[0].batch_size, cpus)
        data: ray.data.Dataset = ray.data.from_arrow(blocks)
        for stage, pickled in zip(spec.stages, prepared.stages, strict=True):
            data = _mapped(data, stage, (stage.name, pickled, object_store_config, run_id))
        try:
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


def _mapped(data: ray.data.Dataset, stage: Stage, worker_args: tuple[Any, ...]) -> ray.data.Dataset:
    least, most = workers_of(stage)
    needs = stage.required_resources
    return data.map_batches(
        StageWorker,
        fn_constructor_args=worker_args,
        batch_size=stage.batch_size,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(min_size=least, max_size=most),
        num_cpus=needs.cpus,
        num_gpus=needs.gpus or None,
        memory=needs.memory_bytes,
        resources=dict(needs.custom) or None,
    )


class StageWorker:
    """One actor of a stage's pool.

    An exception in its constructor is kept, and raised with the first batch. Ray Data would restart
    an actor whose constructor raises for ever, and hide the exception.
    """

    def __init__(
        self, stage_name: str, pickled_stage: bytes, object_store_config: StoreConfig, run_id: str
    ) -> None:
        context = ray.get_runtime_context()
        self._node = context.get_node_id()
        self._stage_name = stage_name
        self._failure: failures.PackedFailure | None = None
        worker_id = context.get_actor_id() or context.get_worker_id()
        starts = WorkerStarts(run_id)
        start = next_start(
            starts.read(worker_id), stage=stage_name, node=self._node, node_lives=_node_lives
        )
        if start.deaths >= MOST_DEATHS:
            self._failure = failures.PackedFailure(
                stage_name,
                start.method,
                start.node,
                f"The process of a worker ended {start.deaths} times",
                None,
            )
            return
        starts.write(worker_id, start := start.in_method("setup"))
        method = "unpickling"
        try:
            self._stage: Stage = pickle.loads(pickled_stage)  # noqa: S301 (pickled by our driver)
            method = "download_requests"
            requests = as_requests(self._stage.download_requests)
            if requests:
                make_local(requests, object_store_config)
            method = "setup"
            metadata = WorkerMetadata(
                stage_name, worker_id, self._node, self._stage.required_resources
            )
            self._stage.setup(metadata)
        except KeyboardInterrupt:  # Ray cancels by it.
            raise
        except BaseException as error:  # Any exception of the user's code, also `SystemExit`.
            self._failure = self._packed(error, method)
        starts.write(worker_id, start.in_method("process_data"))

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Runs the stage on one batch."""
        if self._failure is not None:
            raise self._failure
        try:
            made = self._stage.process_data(_items(batch))
            return _table([cloudpickle.dumps(item) for item in self._checked(made)])
        except KeyboardInterrupt:  # As above.
            raise
        except BaseException as error:  # As above.
            raise self._packed(error, "process_data") from None

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
                stage=self._stage_name,
                node=self._node,
                remedy="Return a list of items, [item] for a single one",
            )
        return made

    def _packed(self, error: BaseException, method: str) -> failures.PackedFailure:
        return failures.pack(error, stage=self._stage_name, method=method, node=self._node)


def _node_lives(node: str) -> bool:
    return any(each["NodeID"] == node and each["Alive"] for each in ray.nodes())
