"""Each name of cosmos-xenna is there, or is refused with what to do instead."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from xfd_api.errors import InvalidRequestError
from xfd_pipelines import specs, v1
from xfd_pipelines.checks import check_pipeline
from xfd_pipelines.stage_runs import stage_runs
from xfd_pipelines.xenna_names import NAMES, Name
from xfd_testing.documents.xenna_names import MARK, table

TAKEN = [each for each in NAMES if each.instead is None]
REFUSED = [each for each in NAMES if each.instead is not None]
PAGE = Path(__file__).parents[3] / "docs" / "start" / "xenna.md"


def spelled(name: Name) -> str:
    return f"{name.owner}.{name.name}"


def owner_of(name: Name) -> Any:
    return v1 if name.owner == "v1" else getattr(v1, name.owner)


@pytest.mark.parametrize("name", TAKEN, ids=spelled)
def test_a_name_that_is_taken_over_is_there(name: Name) -> None:
    owner = owner_of(name)
    names = {each.name for each in fields(owner)} if is_dataclass(owner) else set(dir(owner))
    assert name.name in names


@pytest.mark.parametrize("name", REFUSED, ids=spelled)
def test_a_name_that_is_not_is_refused_with_what_to_do_instead(name: Name) -> None:
    with pytest.raises((InvalidRequestError, AttributeError)) as caught:
        use(name)
    text = str(caught.value)
    assert name.name in text
    assert str(name.instead).split(".")[0] in text


def use(name: Name) -> None:
    """Uses a name as a user of cosmos-xenna does."""
    if name.owner in ("v1", "ExecutionMode"):
        getattr(owner_of(name), name.name)
    elif name.owner == "WorkerMetadata":
        getattr(v1.WorkerMetadata("stage", "worker", "node", v1.Resources()), name.name)
    elif name.owner == "Stage":
        stage = type("Stage1", (v1.Stage,), {name.name: lambda self: None})()
        check_pipeline(specs.PipelineSpec([], [stage]), None)
    else:
        given = {"PipelineSpec": ([], []), "StageSpec": (v1.Stage(),)}.get(name.owner, ())
        owner_of(name)(*given, **{name.name: None})


def test_several_names_are_refused_at_once() -> None:
    with pytest.raises(InvalidRequestError, match="ignore_failures, enable_work_stealing"):
        v1.PipelineConfig(ignore_failures=True, enable_work_stealing=True)  # type: ignore[call-arg]


def test_a_module_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        v1.Nothing  # noqa: B018
    with pytest.raises(AttributeError, match="ANOTHER"):
        specs.ExecutionMode.ANOTHER  # noqa: B018


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"num_workers": 0}, "num_workers is 0"),
        ({"num_workers": 1, "num_workers_per_node": 1}, "both given"),
        ({"num_workers_per_node": 0}, "num_workers_per_node is 0"),
        ({"num_workers_per_node": "2"}, "num_workers_per_node is '2'"),
        ({"num_setup_attempts_python": 0}, "num_setup_attempts_python is 0"),
        ({"num_run_attempts_python": 1.5}, "num_run_attempts_python is 1.5"),
        ({"slots_per_actor": -1}, "slots_per_actor is -1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words) as caught:
        check_pipeline(specs.PipelineSpec([], [v1.StageSpec(v1.Stage(), **given)]), None)
    assert "Stage Stage" in str(caught.value)


def test_workers_per_node_are_rounded_up() -> None:
    spec = specs.PipelineSpec([], [v1.StageSpec(v1.Stage(), num_workers_per_node=0.5)])
    assert [stage_runs(spec, nodes)[0].workers for nodes in (1, 3, 4)] == [(1, 1), (2, 2), (2, 2)]


def test_two_batch_sizes_contradict_each_other() -> None:
    stage = type("Two", (v1.Stage,), {"batch_size": 4, "stage_batch_size": 8})()
    with pytest.raises(InvalidRequestError, match="batch_size is 4 and stage_batch_size is 8"):
        check_pipeline(specs.PipelineSpec([], [stage]), None)


def test_a_stage_says_its_environment_in_either_form() -> None:
    conda = v1.RuntimeEnv(v1.CondaEnv("video"), {"A": "1"})
    for given in (conda, {"conda": "video", "env_vars": {"A": "1"}}):
        stage = type("In", (v1.Stage,), {"env_info": given})()
        (run,) = stage_runs(specs.PipelineSpec([], [stage]), 1)
        assert run.runtime_env == {"conda": "video", "env_vars": {"A": "1"}}


def test_the_page_has_the_table() -> None:
    _, text, _ = PAGE.read_text().split(MARK)
    assert text.strip() == table().strip(), "run python -m xfd_testing.documents.xenna_names"
