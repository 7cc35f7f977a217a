"""Runs a pipeline on Ray Data: a pool of actors per stage, items streaming through.

Ray Data's blocks are Arrow tables, which would turn tuples into lists, drop types it does not know
and refuse some values. So an item is pickled once by whoever made it, and a block has one column
of opaque bytes.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from typing import Any, cast

import pyarrow as pa
import ray
import ray.data
from ray import cloudpickle

from xfd_api import DownloadRequest, ObjectStoreConfig, ObjectStoreConfigByProfile
from xfd_pipelines import failures
from xfd_pipelines.prefetch import make_local
from xfd_pipelines.specs import PipelineSpec
from xfd_pipelines.v1 import Stage, WorkerMetadata, checked_workers

COLUMN = "item"
SCHEMA = pa.schema([(COLUMN, pa.large_binary())])

BLOCKS_PER_CPU = 4
LEAST_BLOCKS = 16

StoreConfig = ObjectStoreConfig | ObjectStoreConfigByProfile | None


def run(spec: PipelineSpec, object_store_config: StoreConfig) -> list[Any]:
    """The items that come out of the last stage.

    Raises:
        Exception: what a stage raised.
    """
    items = list(spec.input_data)
    if not items or not spec.stages:
        return items
    has_order = not isinstance(spec.input_data, set | frozenset)
    with ray.data.DataContext.current(_context(has_order, spec.config.verbose)):
        cpus = int(ray.cluster_resources().get("CPU", 1))
        blocks = _blocks(items, spec.stages[0].batch_size, cpus)
        data: ray.data.Dataset = ray.data.from_arrow(blocks)
        for stage in spec.stages:
            data = _mapped(data, stage, object_store_config)
        try:
            return [item for batch in _batches(data) for item in _items(batch)]
        except Exception as error:
            failure = failures.find(error)
            if failure is None:
                raise
            original = failures.unpack(failure)
            raise original from original.__cause__


def _context(has_order: bool, verbose: bool) -> ray.data.DataContext:
    """A copy of the caller's context: theirs stays as it is."""
    context = ray.data.DataContext.get_current().copy()
    context.execution_options.preserve_order = has_order
    context.enable_progress_bars = verbose
    context.print_on_execution_start = verbose
    # Else Ray Data wraps what a worker raises, and the exception below does not survive the way.
    context.raise_original_map_exception = True
    return context


def _blocks(items: Sequence[Any], batch_size: int, cpus: int) -> list[pa.Table]:
    """The input in blocks of whole batches: enough of them to keep every worker busy."""
    wanted = max(LEAST_BLOCKS, BLOCKS_PER_CPU * cpus)
    batches = -(-len(items) // batch_size)
    rows = -(-batches // wanted) * batch_size
    return [_table(items[start : start + rows]) for start in range(0, len(items), rows)]


def _table(items: Iterable[Any]) -> pa.Table:
    return pa.table([[cloudpickle.dumps(item) for item in items]], schema=SCHEMA)


def _items(table: pa.Table) -> list[Any]:
    rows = table.column(COLUMN).to_pylist()
    return [pickle.loads(row) for row in rows]  # noqa: S301 (pickled by our own processes)


def _batches(data: ray.data.Dataset) -> Iterable[pa.Table]:
    return cast("Iterable[pa.Table]", data.iter_batches(batch_size=None, batch_format="pyarrow"))


def _mapped(
    data: ray.data.Dataset, stage: Stage, object_store_config: StoreConfig
) -> ray.data.Dataset:
    least, most = checked_workers(stage)
    needs = stage.required_resources
    return data.map_batches(
        StageWorker,
        fn_constructor_args=(cloudpickle.dumps(stage), object_store_config),
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

    What goes wrong while it starts is kept and raised with the first batch: Ray Data would start
    an actor whose constructor raises again and again, and would hide the exception.
    """

    def __init__(self, pickled_stage: bytes, object_store_config: StoreConfig) -> None:
        context = ray.get_runtime_context()
        self._node = context.get_node_id()
        self._stage: Stage = pickle.loads(pickled_stage)  # noqa: S301 (pickled by our driver)
        self._failure: failures.PackedFailure | None = None
        metadata = WorkerMetadata(
            stage_name=self._stage.name,
            worker_id=context.get_actor_id() or context.get_worker_id(),
            node_id=self._node,
            resources=self._stage.required_resources,
        )
        method = "download_requests"
        try:
            requests: Sequence[DownloadRequest] = self._stage.download_requests
            if requests and object_store_config is not None:
                make_local(requests, object_store_config)
            method = "setup"
            self._stage.setup(metadata)
        except Exception as error:  # Any exception of the user's, which is shipped as it is.
            self._failure = self._packed(error, method)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The stage's answer to one batch."""
        if self._failure is not None:
            raise self._failure
        try:
            made = self._stage.process_data(_items(batch))
            return _table(made if made is not None else ())
        except Exception as error:  # As above.
            raise self._packed(error, "process_data") from None

    def _packed(self, error: Exception, method: str) -> failures.PackedFailure:
        return failures.pack(error, stage=self._stage.name, method=method, node=self._node)
