"""An exception's way from a worker to the caller."""

from __future__ import annotations

import pickle
from typing import NoReturn

import pytest

from xfd_api.errors import ObjectNotFoundError
from xfd_pipelines import failures


class Unpicklable(Exception):
    def __reduce__(self) -> NoReturn:
        raise TypeError("never")


def travelled(error: Exception) -> BaseException:
    packed = failures.pack(error, stage="Embed", method="setup", node="n1")
    return failures.unpack(pickle.loads(pickle.dumps(packed)))


def test_an_exception_arrives_as_itself_and_says_where_it_was_raised() -> None:
    error = travelled(ObjectNotFoundError("gone", object="a/b"))
    assert isinstance(error, ObjectNotFoundError)
    assert error.object == "a/b"
    assert isinstance(error.__cause__, failures.StageError)
    assert "Embed" in str(error.__cause__)
    assert error.__cause__.node == "n1"


def test_one_that_cannot_be_pickled_arrives_as_its_text() -> None:
    error = travelled(Unpicklable("a lock is in me"))
    assert isinstance(error, failures.StageError)
    assert "a lock is in me" in str(error)


def test_a_failure_is_found_whatever_is_wrapped_around_it() -> None:
    packed = failures.pack(ValueError("x"), stage="S", method="setup", node="n")
    outer = RuntimeError("outer")
    outer.cause = RuntimeError("inner")  # type: ignore[attr-defined]
    outer.cause.__cause__ = packed  # type: ignore[attr-defined]
    assert failures.find(outer, failures.PackedFailure) is packed
    assert failures.find(RuntimeError("nothing below"), failures.PackedFailure) is None


def test_a_loop_of_causes_ends() -> None:
    one, two = RuntimeError("1"), RuntimeError("2")
    one.__cause__, two.__cause__ = two, one
    with pytest.raises(RuntimeError, match="1"):
        raise one
    assert failures.find(one, failures.PackedFailure) is None
