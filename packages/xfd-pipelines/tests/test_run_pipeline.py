"""Pipelines on a real Ray, without files to fetch."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
import ray.data
from ray import cloudpickle

from xfd_api.errors import InvalidRequestError
from xfd_pipelines import pipelines, specs, v1
from xfd_pipelines.adapters.node_setup import NodeSetup
from xfd_pipelines.adapters.worker_starts import WorkerStarts
from xfd_testing.docstrings import run_examples
from xfd_testing.turns import turn_to_start
from xfd_testing.waiting import until

pytestmark = pytest.mark.needs_ray


@pytest.fixture(scope="module", autouse=True)
def one_node() -> Iterator[None]:
    with turn_to_start("ray"):
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


# Each worker is a process that imports Ray Data, so the stages here ask for one each.


def results_of(items: Any, *stages: v1.Stage) -> list[Any]:
    return pipelines.run_pipeline(specs.PipelineSpec(input_data=items, stages=list(stages)))


class Add(v1.Stage):
    """Adds what `setup` prepared."""

    workers = 1
    batch_size = 3
    required_resources = v1.Resources(cpus=0.5)

    def setup(self, worker_metadata: v1.WorkerMetadata) -> None:
        self._metadata = worker_metadata
        self._add = 10

    def process_data(self, items: list[Any]) -> list[Any]:
        assert 1 <= len(items) <= 3
        return [item + self._add for item in items]


class Tells(Add):
    """Passes items on, with its own metadata."""

    name = "metadata-please"

    def process_data(self, items: list[Any]) -> list[Any]:
        return [(item, self._metadata) for item in items]


def test_items_pass_all_stages_in_order() -> None:
    before = ray.data.DataContext.get_current()
    order = before.execution_options.preserve_order
    results = results_of(range(50), Add(), Tells())
    assert [item for item, _ in results] == [item + 10 for item in range(50)]

    (metadata,) = {each for _, each in results}
    assert metadata.stage_name == "metadata-please"
    assert metadata.node_id == ray.get_runtime_context().get_node_id()
    assert metadata.worker_id
    assert metadata.resources.cpus == 0.5

    # The caller's settings of Ray Data are as they were.
    after = ray.data.DataContext.get_current()
    assert after is before
    assert after.execution_options.preserve_order == order


def test_a_stage_needs_nothing_defined_and_items_keep_their_types() -> None:
    class PassesOn(v1.Stage):
        workers = 1

    class Odd:
        def __eq__(self, other: object) -> bool:
            return isinstance(other, Odd)

        __hash__ = None

    items = [(1, 2), [1, 2], {"a": None}, None, b"", "é", 2**70, {1}, Odd(), range(3)]
    assert results_of(items, PassesOn()) == items


def test_a_stage_may_return_more_fewer_or_none() -> None:
    class Uneven(v1.Stage):
        workers = 1

        def process_data(self, items: list[Any]) -> list[Any] | None:
            (item,) = items
            return None if item == 0 else [item] * item

    assert results_of([2, 0, 1, 3], Uneven()) == [2, 2, 1, 3, 3, 3]


def test_no_items_and_no_stages_are_no_special_cases() -> None:
    assert results_of([], Add()) == []
    assert results_of(iter([1, 2])) == [1, 2]


@pytest.mark.parametrize("method", ["setup", "process_data"])
def test_an_exception_of_a_stage_comes_back_as_itself(method: str) -> None:
    class OwnError(Exception):
        pass

    def fail(self: v1.Stage, _: object) -> None:
        raise OwnError("the reason")

    failing = type("Failing", (v1.Stage,), {method: fail, "workers": 1})
    with pytest.raises(Exception, match="the reason") as caught:
        results_of(range(5), failing())
    assert type(caught.value).__name__ == "OwnError"
    cause = caught.value.__cause__
    assert isinstance(cause, pipelines.StageError)
    assert cause.stage == "Failing"
    assert method in cause.what


@pytest.mark.parametrize("method", ["setup", "process_data"])
@pytest.mark.parametrize(
    ("end", "named"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "ended 3 times|ended in"),
        (lambda: os._exit(0), "ended 3 times|ended in"),
        (lambda: sys.exit(3), "SystemExit: 3"),
    ],
    ids=["killed", "exit-0", "sys.exit"],
)
def test_a_stage_whose_process_ends_fails_by_name_after_a_few_times(
    method: str, end: Callable[[], None], named: str
) -> None:
    def die(self: v1.Stage, _: object) -> None:
        end()

    dying = type("Dying", (v1.Stage,), {method: die, "workers": 1})
    with pytest.raises(pipelines.StageError, match=named) as caught:
        results_of(range(5), dying())
    assert caught.value.stage == "Dying"
    assert caught.value.node == ray.get_runtime_context().get_node_id()
    assert method in caught.value.what


@pytest.mark.parametrize("made", [{"a": 1}, "text", b"bytes", 5])
def test_a_result_that_is_no_list_of_items_is_refused_by_the_stage_s_name(made: object) -> None:
    stage = type("Returns", (v1.Stage,), {"process_data": lambda self, items: made, "workers": 1})
    with pytest.raises(pipelines.StageError, match=f"returned a {type(made).__name__}") as caught:
        results_of([1], stage())
    assert caught.value.stage == "Returns"
    assert "list" in caught.value.remedy


def test_a_stage_that_workers_cannot_import_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_at_the_driver.py").write_text(
        "from xfd_pipelines import v1\nclass Absent(v1.Stage):\n    workers = 1\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    stage = importlib.import_module("only_at_the_driver").Absent()
    with pytest.raises(
        InvalidRequestError, match=r"Absent cannot be imported .*No module"
    ) as caught:
        results_of([1], stage)
    assert "working_dir" in caught.value.remedy


def test_a_gpu_that_no_node_has_is_refused_before_anything_runs() -> None:
    stage = type("Needs", (v1.Stage,), {"required_resources": v1.Resources(gpus=1)})()
    with pytest.raises(InvalidRequestError, match=r"Needs: no node .* GPU 1"):
        results_of([1], stage)


def test_ray_client_is_refused_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    # Stands for a connection through ray://, which needs grpc and a server of its own.
    monkeypatch.setattr(ray.util.client.ray, "is_connected", lambda: True)
    with pytest.raises(InvalidRequestError, match="ray://") as caught:
        results_of([1], Add())
    assert "ray job submit" in caught.value.remedy


class FromXenna(v1.Stage):
    """Has the names of cosmos-xenna; notes its calls in a folder, and fails at first."""

    required_resources = v1.Resources(cpus=0.5)
    stage_batch_size = 3
    env_info = v1.RuntimeEnv(extra_env_vars={"OF_THE_STAGE": "yes"})

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _note(self, what: str) -> bool:
        """Whether it is the first of its kind."""
        with (self._folder / what).open("a") as notes:
            notes.write(f"{os.getpid()}\n")
        try:
            (self._folder / f"first-{what}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def setup_on_node(self, node_info: v1.NodeInfo, worker_metadata: v1.WorkerMetadata) -> None:
        assert node_info.node_id == worker_metadata.node_id
        self._note("node")

    def setup(self, worker_metadata: v1.WorkerMetadata) -> None:
        assert len((self._folder / "node").read_text().splitlines()) == 1
        if self._note("setup"):
            raise OSError("a file system that is not there yet")

    def process_data(self, items: list[Any]) -> list[Any]:
        if self._note("process"):
            raise OSError("a file system that has gone")
        return [(len(items), item, os.environ["OF_THE_STAGE"]) for item in items]

    def destroy(self) -> None:
        self._note("destroy")


@pytest.mark.parametrize("mode", specs.ExecutionMode)
def test_names_of_cosmos_xenna_mean_here_what_they_mean_there(
    mode: specs.ExecutionMode, tmp_path: Path
) -> None:
    config = v1.PipelineConfig(execution_mode=mode, num_run_attempts_python=2, slots_per_actor=2)
    stage = v1.StageSpec(FromXenna(tmp_path), num_workers_per_node=2, num_setup_attempts_python=2)
    results = v1.run_pipeline(v1.PipelineSpec(range(60), [stage], config))
    assert [item for _, item, _ in results] == list(range(60))
    assert {(size, told) for size, _, told in results} == {(3, "yes")}
    counts = {file.name: len(file.read_text().splitlines()) for file in tmp_path.iterdir()}
    assert counts["node"] == 1
    assert counts["setup"] >= 2  # Of one worker or two, and the attempt that failed.
    assert counts["process"] == 21
    until(lambda: (tmp_path / "destroy").exists(), 60.0, "no worker was let go in peace")


def test_of_a_nodes_workers_one_sets_it_up_and_no_lock_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run = uuid.uuid4().hex
    calls: list[str] = []
    for worker in ("first", "second"):
        NodeSetup(run, 0, "node").run(lambda each=worker: calls.append(each))
    with pytest.raises(OSError, match="no such disk"):
        NodeSetup(run, 1, "node").run(raising(OSError("no such disk")))
    NodeSetup(run, 1, "node").run(lambda: calls.append("next"))
    WorkerStarts(run).remove()
    assert calls == ["first", "next"]
    assert list(tmp_path.iterdir()) == []


def raising(error: Exception) -> Callable[[], None]:
    def call() -> None:
        raise error

    return call


def test_an_exception_comes_back_after_the_last_attempt() -> None:
    class Fails(v1.Stage):
        workers = 1

        def setup_on_node(self, node_info: Any, worker_metadata: Any) -> None:
            raise OSError("no such disk")

    spec = v1.StageSpec(Fails(), num_setup_attempts_python=2)
    with pytest.raises(OSError, match="no such disk") as caught:
        v1.run_pipeline(v1.PipelineSpec([1], [spec]))
    assert "setup_on_node" in str(caught.value.__cause__)


def test_the_example_in_the_docstring_does_what_it_shows() -> None:
    run_examples(pipelines.run_pipeline, {})


def test_settings_are_given_once() -> None:
    config = object()
    with pytest.raises(InvalidRequestError, match="twice"):
        pipelines.run_pipeline(
            specs.PipelineSpec(input_data=[], stages=[]),
            config,  # type: ignore[arg-type]
            distibuted_download_config=config,  # type: ignore[arg-type]
        )
