"""What of a pipeline is refused before anything moves, by the names of stage and attribute."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from xfd_api import ObjectStoreConfig
from xfd_api.errors import InvalidRequestError
from xfd_api.ids import NodeId
from xfd_pipelines import pipelines, specs, v1
from xfd_pipelines.checks import check_pipeline, pickled_items, pickled_stage
from xfd_pipelines.cluster_checks import check_room
from xfd_pipelines.stage_runs import StageRun, stage_runs, workers_of
from xfd_ray.placement import NodeInfo


def a_stage(**values: Any) -> v1.Stage:
    made: v1.Stage = type("Embed", (v1.Stage,), values)()
    return made


def spec_of(*stages: Any, input_data: Any = (1,), **more: Any) -> specs.PipelineSpec:
    return specs.PipelineSpec(input_data=input_data, stages=list(stages), **more)


def runs_of(*stages: Any) -> list[StageRun]:
    return stage_runs(spec_of(*stages), nodes=2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", 2.0),
        ("workers", True),
        ("workers", 0),
        ("workers", -1),
        ("workers", "2"),
        ("workers", None),
        ("workers", (2, 1)),
        ("workers", (0, 1)),
        ("workers", (1.0, 2)),
        ("workers", (1, 2, 3)),
        ("batch_size", 2.0),
        ("batch_size", 0),
        ("batch_size", "8"),
        ("batch_size", True),
        ("name", 5),
        ("name", ""),
        ("required_resources", {"gpus": 1}),
        ("required_resources", v1.Resources(gpus=-1)),
        ("required_resources", v1.Resources(cpus="1")),  # type: ignore[arg-type]
        ("required_resources", v1.Resources(cpus=float("nan"))),
        ("required_resources", v1.Resources(custom=["a"])),  # type: ignore[arg-type]
        ("required_resources", v1.Resources(custom={"a": -1})),
        ("required_resources", v1.Resources(cpus=float("inf"))),
        ("required_resources", v1.Resources(cpus=0.00001)),
        ("required_resources", v1.Resources(gpus=1.5)),
        ("required_resources", v1.Resources(custom={"CPU": 1})),
        ("required_resources", v1.Resources(custom={"memory": 2**30})),
        ("stage_batch_size", 0),
        ("stage_batch_size", "8"),
        ("run_continuous", lambda self, queue, out, stop: None),
        ("env_info", "a-conda-environment"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_stage_and_attribute(
    name: str, value: Any
) -> None:
    with pytest.raises(InvalidRequestError, match=name) as caught:
        check_pipeline(spec_of(a_stage(**{name: value})), None)
    assert "Embed" in caught.value.what
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("spec", "config", "named"),
    [
        ([v1.Stage()], None, "pipeline_spec is a list"),
        (spec_of(5), None, "stages holds a int"),
        (spec_of(v1.Stage), None, "the class Stage"),
        (specs.PipelineSpec([1], v1.Stage()), None, "stages is a Stage"),  # type: ignore[arg-type]
        (spec_of(v1.Stage(), input_data=5), None, "input_data is a int"),
        (spec_of(v1.Stage(), input_data="abc"), None, "input_data is a str"),
        (spec_of(v1.Stage(), config={"verbose": True}), None, "config is a dict"),
        (
            spec_of(v1.Stage()),
            ObjectStoreConfig.make_for_s3("models"),
            "distributed_download_config is a ObjectStoreConfig",
        ),
    ],
)
def test_a_specification_of_the_wrong_types_is_refused(spec: Any, config: Any, named: str) -> None:
    with pytest.raises(InvalidRequestError, match=named):
        check_pipeline(spec, config)


@pytest.mark.parametrize(
    "name", ["name", "download_requests", "required_resources", "batch_size", "workers"]
)
def test_what_a_property_raises_comes_as_itself_and_says_of_which_stage(name: str) -> None:
    def fails(stage: v1.Stage) -> None:
        raise KeyError("missing")

    with pytest.raises(KeyError) as caught:
        check_pipeline(spec_of(a_stage(**{name: property(fails)})), None)
    assert isinstance(caught.value.__cause__, pipelines.StageError)
    assert str(caught.value.__cause__) == f"Stage Embed: Its {name} raised KeyError: 'missing'"


def test_amounts_that_ray_takes_are_taken() -> None:
    needs = v1.Resources(cpus=1.5, gpus=0.3333, memory_bytes=1, custom={"a": 2.5, "b": 0.0001})
    check_pipeline(spec_of(a_stage(required_resources=needs)), None)


def test_values_may_be_attributes_or_properties() -> None:
    class Plain(v1.Stage):
        name = "plain"
        batch_size = 16
        workers = (1, 3)

    class Properties(v1.Stage):
        @property
        def batch_size(self) -> int:
            return 16

        @property
        def workers(self) -> int:
            return 2

    check_pipeline(spec_of(Plain(), Properties()), None)
    assert (Plain().name, Properties().name) == ("plain", "Properties")
    assert (workers_of(Plain()), workers_of(Properties())) == ((1, 3), (2, 2))


def test_a_stage_that_cannot_be_pickled_is_refused_by_its_attribute() -> None:
    stage = a_stage()
    stage.fine, stage.lock = 5, threading.Lock()  # type: ignore[attr-defined]
    with pytest.raises(InvalidRequestError, match=r"Embed .* attribute lock \(lock\)") as caught:
        pickled_stage(stage)
    assert "setup()" in caught.value.remedy
    with pytest.raises(InvalidRequestError, match=r"attribute shared"):
        pickled_stage(a_stage(shared=threading.Lock()))


def test_an_item_that_cannot_be_pickled_is_refused_by_its_place() -> None:
    with pytest.raises(InvalidRequestError, match=r"Item 1 .*lock"):
        pickled_items([0, threading.Lock()])


def a_node(name: str, **resources: float) -> NodeInfo:
    return NodeInfo(NodeId(name), "127.0.0.1", resources=resources)


NODES = [a_node("a", CPU=4.0, memory=8e9), a_node("b", CPU=2.0, GPU=1.0, memory=4e9, disk=1.0)]


@pytest.mark.parametrize(
    "needs",
    [
        {},
        {"cpus": 4},
        {"cpus": 2, "gpus": 1},
        {"cpus": 0.5, "gpus": 0.5},
        {"custom": {"disk": 1}},
        {"memory_bytes": 8 * 10**9},
    ],
)
def test_a_stage_that_some_node_can_run_is_taken(needs: dict[str, Any]) -> None:
    check_room(runs_of(a_stage(required_resources=v1.Resources(**needs))), NODES)


@pytest.mark.parametrize(
    ("needs", "named"),
    [
        ({"gpus": 2}, r"GPU 2 \(the most a node has is 1\)"),
        ({"cpus": 5}, "CPU 5"),
        ({"cpus": 4, "gpus": 1}, "CPU, GPU|CPU 4"),
        ({"custom": {"tpu": 1}}, "tpu 1"),
        ({"memory_bytes": 10**10}, "memory"),
    ],
)
def test_a_stage_that_no_node_can_run_is_refused(needs: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRequestError, match=named) as caught:
        check_room(runs_of(a_stage(required_resources=v1.Resources(**needs))), NODES)
    assert "Embed" in caught.value.what


def test_least_workers_that_do_not_fit_side_by_side_are_refused() -> None:
    four = a_stage(workers=(4, None))
    three = a_stage(workers=3)
    check_room(runs_of(four), NODES)
    with pytest.raises(InvalidRequestError, match=r"CPU 7 at once .*the cluster has 6"):
        check_room(runs_of(four, three), NODES)


def test_run_pipeline_refuses_before_ray_is_needed() -> None:
    with pytest.raises(InvalidRequestError, match="workers"):
        pipelines.run_pipeline(spec_of(a_stage(workers=2.0)))
