"""What a setup hook asks for runs before a process's first function, once, or fails that one."""

from __future__ import annotations

from collections import namedtuple
from types import SimpleNamespace
from typing import Any

import pytest

import xfd_ray
from xfd_api.errors import InvalidRequestError, ObjectNotFoundError
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.cluster import first_task
from xfd_ray.cluster.first_task import before_first_task

Info = namedtuple("Info", ["function", "function_name", "max_calls"])


class Functions:
    """Ray's function manager, as far as a worker asks it before it runs a function."""

    def get_execution_info(self, job: str, function: str) -> Any:
        return Info(lambda: f"{function} of {job}", function, 0)


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> Functions:
    found = Functions()
    worker = SimpleNamespace(function_actor_manager=found)
    monkeypatch.setattr(first_task.ray_worker, "global_worker", worker)
    return found


def test_the_call_runs_before_the_first_function_only(functions: Functions) -> None:
    calls: list[str] = []
    before_first_task(lambda: calls.append("called"))
    assert not calls
    for name in "ab":
        info = functions.get_execution_info("job", name)
        assert (info.function(), info.max_calls, calls) == (f"{name} of job", 0, ["called"])
    assert not vars(functions), "Ray's own method is back"


def test_an_error_comes_from_the_function_and_ends_the_process(functions: Functions) -> None:
    def call() -> None:
        raise ObjectNotFoundError("No such object", object="llama/")

    before_first_task(call)
    info = functions.get_execution_info("job", "a")
    assert info.max_calls == 1
    with pytest.raises(ObjectNotFoundError, match="Check the uri"):
        info.function()


def test_a_ray_without_the_place_is_refused_in_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = SimpleNamespace(function_actor_manager=object())
    monkeypatch.setattr(first_task.ray_worker, "global_worker", worker)
    with pytest.raises(InvalidRequestError, match=r"Ray .* Call xfd_ray\.ensure_local"):
        xfd_ray.setup_hook("llama/", ObjectStoreConfig.make_for_s3("bucket"))
