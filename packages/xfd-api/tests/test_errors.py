"""One tree of errors: each is what a caller would expect, a value, and survives the way home."""

from __future__ import annotations

import inspect
import pickle

import pytest

from xfd_api import errors
from xfd_api.errors import DiskFullError, ObjectNotFoundError, XfdError

LEAVES = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, XfdError) and value is not XfdError
]


def name(leaf: type[XfdError]) -> str:
    return leaf.__name__


@pytest.mark.parametrize("leaf", LEAVES, ids=name)
def test_code_that_knows_nothing_of_xfd_can_catch_every_leaf(leaf: type[XfdError]) -> None:
    built_in = [base for base in leaf.__mro__ if base.__module__ == "builtins"]

    assert built_in[0] not in (Exception, BaseException, object)


@pytest.mark.parametrize("leaf", LEAVES, ids=name)
def test_every_leaf_comes_out_of_a_pickle_as_it_went_in(leaf: type[XfdError]) -> None:
    error = leaf("It broke", object="s3://b/k", node="n1", path="/tmp/x", remedy="Mend it")

    again = pickle.loads(pickle.dumps(error))

    assert type(again) is leaf
    assert again.what == "It broke"
    assert again.fields() == error.fields()
    assert str(again) == str(error)


@pytest.mark.parametrize("leaf", LEAVES, ids=name)
def test_every_leaf_says_what_it_means_and_is_used_by_name(leaf: type[XfdError]) -> None:
    assert leaf.__doc__
    assert leaf.__name__.endswith("Error")


def test_an_error_says_what_where_and_what_to_do() -> None:
    error = ObjectNotFoundError("No such object", object="models/x", node="n7")

    assert str(error) == (
        "No such object (object models/x, node n7). Check the uri, and the store that it is in"
    )


def test_what_has_no_name_is_not_named() -> None:
    assert str(ObjectNotFoundError("Nothing", object="", remedy="Look")) == "Nothing. Look"


def test_a_remedy_of_its_own_replaces_the_one_of_its_class() -> None:
    assert DiskFullError("Full", remedy="Free 3 GiB").remedy == "Free 3 GiB"
    assert DiskFullError("Full").remedy == DiskFullError.remedy_by_default


def test_the_first_node_that_is_named_stays() -> None:
    bare = DiskFullError("Full", path="/data")

    at_one = bare.at_node("n1")

    assert (bare.node, at_one.node, at_one.at_node("n2").node) == (None, "n1", "n1")
    assert (type(at_one), at_one.path) == (DiskFullError, "/data")
