"""Pipelines on a real Ray, without files to fetch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
import ray
import ray.data
from ray import cloudpickle

from xfd_api.errors import InvalidRequestError
from xfd_pipelines import pipelines, specs, v1

pytestmark = pytest.mark.needs_ray


@pytest.fixture(scope="module", autouse=True)
def one_node() -> Iterator[None]:
    ray.init(
        address="local",
        num_cpus=4,
        object_store_memory=80 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    ray.shutdown()


def results_of(items: Any, *stages: v1.Stage) -> list[Any]:
    return pipelines.run_pipeline(specs.PipelineSpec(input_data=items, stages=list(stages)))


class Add(v1.Stage):
    """Adds what `setup` prepared."""

    batch_size = 3  # type: ignore[assignment]
    required_resources = v1.Resources(cpus=0.5)  # type: ignore[assignment]

    def setup(self, worker_metadata: v1.WorkerMetadata) -> None:
        self._metadata = worker_metadata
        self._add = 10

    def process_data(self, items: list[Any]) -> list[Any]:
        assert 1 <= len(items) <= 3
        return [item + self._add for item in items]


class Metadata(v1.Stage):
    name = "metadata-please"  # type: ignore[assignment]
    workers = 1  # type: ignore[assignment]

    def setup(self, worker_metadata: v1.WorkerMetadata) -> None:
        self._metadata = worker_metadata

    def process_data(self, items: list[Any]) -> list[Any]:
        return [self._metadata for _ in items]


def test_items_pass_all_stages_in_order() -> None:
    assert results_of(range(50), Add(), v1.Stage(), Add()) == [item + 20 for item in range(50)]


def test_items_keep_their_types() -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            return isinstance(other, Odd)

        __hash__ = None  # type: ignore[assignment]

    items = [(1, 2), [1, 2], {"a": None}, None, b"", "é", 2**70, {1}, Odd(), range(3)]
    assert results_of(items, v1.Stage()) == items


def test_a_stage_may_return_more_fewer_or_none() -> None:
    class Uneven(v1.Stage):
        def process_data(self, items: list[Any]) -> list[Any] | None:
            (item,) = items
            return None if item == 0 else [item] * item

    assert results_of([2, 0, 1, 3], Uneven()) == [2, 2, 1, 3, 3, 3]
    assert results_of([0, 0], Uneven(), Add()) == []


def test_no_items_and_no_stages_are_no_special_cases() -> None:
    assert results_of([], Add()) == []
    assert results_of(iter([1, 2])) == [1, 2]


def test_a_worker_learns_who_it_is() -> None:
    (metadata,) = results_of([1], Metadata())
    assert metadata.stage_name == "metadata-please"
    assert metadata.node_id == ray.get_runtime_context().get_node_id()
    assert metadata.worker_id
    assert metadata.resources == v1.Resources()


@pytest.mark.parametrize("method", ["setup", "process_data"])
def test_an_exception_of_a_stage_comes_back_as_itself(method: str) -> None:
    class OwnError(Exception):
        pass

    def fail(self: v1.Stage, _: object) -> None:
        raise OwnError("the reason")

    failing = type("Failing", (v1.Stage,), {method: fail})
    with pytest.raises(Exception, match="the reason") as caught:
        results_of(range(5), Add(), failing())
    assert type(caught.value).__name__ == "OwnError"
    cause = caught.value.__cause__
    assert isinstance(cause, pipelines.StageError)
    assert "Failing" in cause.what
    assert method in cause.what


def test_the_caller_s_data_context_stays_as_it_was() -> None:
    before = ray.data.DataContext.get_current()
    order = before.execution_options.preserve_order
    results_of([1], v1.Stage())
    after = ray.data.DataContext.get_current()
    assert after is before
    assert after.execution_options.preserve_order == order


def test_settings_that_make_no_sense_are_refused_before_anything_runs() -> None:
    class NoWorkers(v1.Stage):
        workers = 0  # type: ignore[assignment]

    with pytest.raises(InvalidRequestError, match="NoWorkers"):
        results_of([1], NoWorkers())
    with pytest.raises(InvalidRequestError, match="int"):
        results_of([1], 5)  # type: ignore[arg-type]
    config = object()
    with pytest.raises(InvalidRequestError, match="twice"):
        pipelines.run_pipeline(
            specs.PipelineSpec(input_data=[], stages=[]),
            config,  # type: ignore[arg-type]
            distibuted_download_config=config,  # type: ignore[arg-type]
        )
