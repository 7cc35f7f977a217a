"""Every object has a place of its own, below where it was asked for."""

from __future__ import annotations

import pytest
from catalog_builders import archive_lookup, found, object_lookup, prefix_lookup
from hypothesis import given
from hypothesis import strategies as st

from xfd_api.catalog import build_catalog
from xfd_api.chunks import FoundObject
from xfd_api.errors import DestinationConflictError, UnsafePathError
from xfd_api.lookups import Lookup


def test_keys_of_a_prefix_become_a_tree_below_its_folder() -> None:
    answers = [found("tok/a.json"), found("tok/vocab/b.txt")]

    catalog = build_catalog([prefix_lookup("tok", "/d/tok")], [answers])

    assert [item.destination for item in catalog.objects] == ["/d/tok/a.json", "/d/tok/vocab/b.txt"]
    assert {item.group for item in catalog.objects} == {"/d/tok"}


def test_the_empty_prefix_is_the_whole_bucket() -> None:
    catalog = build_catalog([prefix_lookup("", "/d")], [[found("a/b"), found("c")]])

    assert [item.destination for item in catalog.objects] == ["/d/a/b", "/d/c"]


def test_a_folder_marker_is_a_folder_without_a_chunk() -> None:
    answers = [found("p/", 0), found("p/empty/", 0), found("p/x")]

    catalog = build_catalog([prefix_lookup("p", "/d/p")], [answers])

    assert [(item.destination, item.is_directory) for item in catalog.objects] == [
        ("/d/p", True),
        ("/d/p/empty", True),
        ("/d/p/x", False),
    ]
    assert [span.object for chunk in catalog.chunks for span in chunk.spans] == [2]


@pytest.mark.parametrize("key", ["p/../x", "p/a//b", "p/./x", "p//etc/passwd", "p/a\0"])
def test_a_key_that_would_leave_its_folder_is_refused_by_name(key: str) -> None:
    with pytest.raises(UnsafePathError) as caught:
        build_catalog([prefix_lookup("p")], [[found(key)]])

    assert caught.value.object is not None


def conflict(*pairs: tuple[Lookup, list[FoundObject]]) -> DestinationConflictError:
    with pytest.raises(DestinationConflictError) as caught:
        build_catalog([lookup for lookup, _ in pairs], [answers for _, answers in pairs])
    return caught.value


def test_two_objects_for_one_place_are_refused_by_name() -> None:
    error = conflict(
        (object_lookup("one", "/d/x"), [found("one")]),
        (object_lookup("two", "/d/x"), [found("two")]),
    )

    assert "'one' and 'two'" in error.what
    assert error.path == "/d/x"


def test_an_object_that_is_also_a_folder_is_refused_by_name() -> None:
    error = conflict((prefix_lookup("p"), [found("p/a"), found("p/a/b")]))

    assert "'p/a'" in error.what
    assert "'p/a/b'" in error.what
    assert error.path == "/d/a"


def test_an_object_inside_a_tree_to_be_unpacked_is_refused() -> None:
    error = conflict(
        (archive_lookup("b.tar", "/d/tree"), [found("b.tar")]),
        (object_lookup("x", "/d/tree/x"), [found("x")]),
    )

    assert error.path == "/d/tree"


def test_two_archives_for_one_tree_are_refused() -> None:
    conflict(
        (archive_lookup("a.tar", "/d/tree"), [found("a.tar")]),
        (archive_lookup("b.tar", "/d/tree"), [found("b.tar")]),
    )


def test_a_tree_inside_a_markers_folder_is_none() -> None:
    catalog = build_catalog([prefix_lookup("p", "/d")], [[found("p/a/", 0), found("p/a/b")]])

    assert len(catalog.objects) == 2


def test_what_is_asked_for_twice_is_fetched_once_soonest_and_most_strictly() -> None:
    catalog = build_catalog(
        [object_lookup("x", priority=3), object_lookup("x", priority=1, cache=False)],
        [[found("x")], [found("x")]],
    )

    (item,) = catalog.objects
    assert (item.priority, item.cache) == (1, False)


def test_an_object_that_came_with_a_prefix_and_alone_has_one_record() -> None:
    catalog = build_catalog(
        [prefix_lookup("p", "/d"), object_lookup("p/x", "/d/x")],
        [[found("p/x")], [found("p/x")]],
    )

    (item,) = catalog.objects
    assert item.group is None


NAMES = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join)


@given(keys=st.lists(NAMES, min_size=1, max_size=8, unique=True))
def test_a_set_of_keys_is_refused_exactly_if_no_file_system_could_hold_it(keys: list[str]) -> None:
    clashes = any(other.startswith(key + "/") for key in keys for other in keys)

    try:
        build_catalog([prefix_lookup("", "/d")], [[found(key) for key in keys]])
    except DestinationConflictError:
        assert clashes
    else:
        assert not clashes


@pytest.mark.parametrize("ours", [".w.xfd", ".w.xfd-part", ".w.xfd-journal", ".w.xfd-tree-0"])
def test_a_key_with_the_name_of_a_file_that_is_kept_beside_another_is_refused(ours: str) -> None:
    error = conflict((prefix_lookup("p"), [found(f"p/{ours}"), found("p/w")]))

    assert error.path == f"/d/{ours}"


def test_a_key_that_only_looks_like_a_kept_file_is_taken() -> None:
    catalog = build_catalog([prefix_lookup("p")], [[found("p/.w.xfd-part"), found("p/v")]])

    assert len(catalog.objects) == 2


@pytest.mark.parametrize("tree", ["/d/a.zip", "/d"])
def test_an_archive_does_not_lie_where_it_is_unpacked(tree: str) -> None:
    with pytest.raises(DestinationConflictError, match="lies where it is to be unpacked") as caught:
        build_catalog([archive_lookup("a.zip", tree)], [[found("a.zip", 10)]])
    assert caught.value.path == tree
