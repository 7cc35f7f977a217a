"""A class that is decorated with files: what it keeps, what is refused, and when files come."""

from __future__ import annotations

import asyncio
import inspect
import pickle

import pytest
import ray
from ray import cloudpickle

import xfd_ray
from xfd_api.errors import InvalidRequestError, ObjectNotFoundError, UnsafePathError, XfdError
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.frameworks import with_files as with_files_module
from xfd_ray.frameworks.files_here import FilesHere

STORE = ObjectStoreConfig.make_for_s3("bucket", access_key_id="k", secret_access_key="s3cret")


@xfd_ray.with_files("llama/", STORE)
class Model:
    """A model."""

    def __init__(self, size: int, *, name: str = "llama") -> None:
        self.size, self.name = size, name


@xfd_ray.with_files("llama/", STORE)
class Bare:
    pass


@xfd_ray.with_files("llama/", STORE)
class Awaiting:
    async def __init__(self) -> None:  # type: ignore[misc]
        EVENTS.append("constructed")


EVENTS: list[str] = []


class ScriptedCall:
    def __init__(self, error: XfdError | None = None) -> None:
        self.error = error

    def hold(self) -> None:
        if self.error is not None:
            raise self.error
        EVENTS.append("held")

    def once(self) -> None:
        EVENTS.append("brought")

    def cancel(self) -> None:
        EVENTS.append("cancelled")


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    EVENTS.clear()
    monkeypatch.setattr(with_files_module, "_held", [])
    monkeypatch.setattr(FilesHere, "call", lambda self: ScriptedCall())


def test_a_class_keeps_its_name_its_signature_and_its_docstring() -> None:
    assert (Model.__name__, Model.__module__, Model.__doc__) == ("Model", __name__, "A model.")
    assert str(inspect.signature(Model)) == "(size: 'int', *, name: 'str' = 'llama') -> 'None'"


def test_files_come_before_the_constructor_and_are_held_once_a_process() -> None:
    model = Model(3, name="other")
    assert (model.size, model.name) == (3, "other")
    Bare()
    assert EVENTS == ["held", "brought"]


def test_ray_takes_a_class_without_a_constructor() -> None:
    """Ray gives what a decorator has wrapped an attribute, which `object.__init__` cannot have."""
    decorated = xfd_ray.with_files("llama/", STORE)(type("Plain", (), {}))
    assert ray.remote(decorated).options(num_cpus=0)
    decorated()
    assert EVENTS == ["held"]


def test_a_constructor_that_is_awaited_is_still_one() -> None:
    assert inspect.iscoroutinefunction(Awaiting.__init__)
    awaiting = object.__new__(Awaiting)
    asyncio.run(Awaiting.__init__(awaiting))  # type: ignore[arg-type, misc]
    assert EVENTS == ["held", "constructed"]


def test_an_error_shows_no_function_of_xfd_but_one(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = ScriptedCall(ObjectNotFoundError("No such object", object="llama/"))
    monkeypatch.setattr(FilesHere, "call", lambda self: failing)
    with pytest.raises(ObjectNotFoundError, match="Check the uri") as raised:
        Model(1)
    assert len([frame for frame in raised.traceback if "xfd_ray" in str(frame.path)]) <= 3
    assert raised.value.__cause__ is None


def test_a_class_travels_by_value() -> None:
    class Local:
        def __init__(self, size: int) -> None:
            self.size = size

    decorated = xfd_ray.with_files("llama/", STORE)(Local)
    again = pickle.loads(cloudpickle.dumps(decorated))
    assert again(5).size == 5
    assert again.__name__ == "Local"
    assert "s3cret" not in repr(xfd_ray.setup_hook("llama/", STORE))


def test_what_makes_no_sense_is_refused_where_it_is_written() -> None:
    for way in (xfd_ray.with_files, xfd_ray.setup_hook):
        with pytest.raises(UnsafePathError):
            way("../secret", STORE)
        with pytest.raises(InvalidRequestError, match="deadline_s is -1"):
            way("llama/", STORE, deadline_s=-1)
        with pytest.raises(InvalidRequestError, match="nothing to download"):
            way([], STORE)
    with pytest.raises(InvalidRequestError, match=r"function.*call xfd_ray\.ensure_local"):
        xfd_ray.with_files("llama/", STORE)(lambda batch: batch)  # type: ignore[type-var]
