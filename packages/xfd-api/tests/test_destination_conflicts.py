"""Every object has a place of its own, below where it was asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from catalog_builders import archive_lookup, found, object_lookup, prefix_lookup
from hypothesis import given
from hypothesis import strategies as st

from xfd_api.catalog import build_catalog
from xfd_api.chunks import FoundObject
from xfd_api.errors import DestinationConflictError, ObjectNotFoundError, UnsafePathError
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


@pytest.mark.parametrize("name", [".xfd", ".xfd-lock", ".xfd.new"])
def test_a_key_where_the_prefix_keeps_its_own_records_is_refused(name: str) -> None:
    error = conflict((prefix_lookup("p"), [found(f"p/{name}"), found("p/w")]))

    assert error.path == f"/d/{name}"
    assert len(build_catalog([prefix_lookup("p")], [[found(f"p/sub/{name}")]]).objects) == 1


@pytest.mark.parametrize("tree", ["/d/a.zip", "/d"])
def test_an_archive_does_not_lie_where_it_is_unpacked(tree: str) -> None:
    with pytest.raises(DestinationConflictError, match="in the folder to unpack into") as caught:
        build_catalog([archive_lookup("a.zip", tree)], [[found("a.zip", 10)]])
    assert caught.value.path == tree


@pytest.mark.parametrize(
    ("key", "pattern"),
    [
        ("p//x", "/x"),
        ("p/a//b", "a//b"),
        ("p/../x", "../x"),
        ("p/./x", "./x"),
        ("p/a/..", "a/.."),
        ("p/a//", "a/[/]"),
        ("p/[1]/../*", "[[]1]/../[*]"),
        (f"p/d/{'n' * 256}", f"d/{'n' * 256}"),
        (f"p/{'é' * 128}/x", f"{'é' * 128}/x"),
    ],
)
def test_a_key_that_can_be_no_path_can_be_left_out(key: str, pattern: str) -> None:
    """The error says how; all else of the prefix lands."""
    answers = [found("p/good"), found(key), found("p/[1]/good")]

    with pytest.raises(UnsafePathError) as caught:
        build_catalog([prefix_lookup("p")], [answers])
    assert caught.value.object == key
    assert caught.value.remedy == f"Leave it out with the exclude pattern {pattern!r}"

    lookup = replace(prefix_lookup("p"), exclude=(pattern,))
    catalog = build_catalog([lookup], [answers])
    assert [item.found.key for item in catalog.objects] == ["p/good", "p/[1]/good"]
    assert catalog.excluded == 1


@pytest.mark.parametrize("key", ["/x", "//x"])
def test_a_key_of_the_whole_bucket_that_begins_with_a_slash_can_be_left_out(key: str) -> None:
    lookup = replace(prefix_lookup(""), exclude=("/*",))

    catalog = build_catalog([lookup], [[found("a"), found(key)]])

    assert [item.found.key for item in catalog.objects] == ["a"]


@pytest.mark.parametrize(
    "name", ["back\\slash", "new\nline", "é" * 127, "n" * 255, "~", "-", "..."]
)
def test_a_name_that_is_only_unusual_is_a_path(name: str) -> None:
    catalog = build_catalog([prefix_lookup("p")], [[found(f"p/{name}")]])

    assert catalog.objects[0].destination == f"/d/{name}"


def test_objects_that_collide_say_how_to_leave_one_out() -> None:
    answers = [found("p/a"), found("p/a/b"), found("p/c")]

    error = conflict((prefix_lookup("p"), answers))
    assert error.remedy == "Leave one out with the exclude pattern 'a' or 'a/b'"

    for pattern, kept in [("a", ["p/a/b", "p/c"]), ("a/b", ["p/a", "p/c"])]:
        catalog = build_catalog([replace(prefix_lookup("p"), exclude=(pattern,))], [answers])
        assert [item.found.key for item in catalog.objects] == kept


def test_a_file_and_a_markers_folder_collide() -> None:
    error = conflict((prefix_lookup("p"), [found("p/a"), found("p/a/", 0)]))

    assert error.remedy == "Leave one out with the exclude pattern 'a' or 'a[/]'"


@pytest.mark.parametrize(
    ("include", "exclude", "kept"),
    [
        ((), ("*.bin",), ["a.json", "d/", "d/c.json"]),
        (("*.json",), (), ["a.json", "d/c.json"]),
        (("*.json",), ("d/*",), ["a.json"]),
        (("d/",), (), ["d/", "d/c.json", "d/e.bin"]),
        ((), ("d/",), ["a.json", "b.bin"]),
        (("[ab].*",), ("a.????",), ["b.bin"]),
        (("A.JSON", "b.bin"), (), ["b.bin"]),
    ],
)
def test_include_and_exclude_are_patterns_below_the_prefix(
    include: tuple[str, ...], exclude: tuple[str, ...], kept: list[str]
) -> None:
    keys = ["a.json", "b.bin", "d/", "d/c.json", "d/e.bin"]
    lookup = replace(prefix_lookup("p"), include=include, exclude=exclude)

    catalog = build_catalog([lookup], [[found(f"p/{key}", 0) for key in keys]])

    assert [item.found.key for item in catalog.objects] == [f"p/{key}" for key in kept]
    assert catalog.excluded == len(keys) - len(kept)


def test_patterns_that_leave_nothing_are_an_error() -> None:
    lookup = replace(prefix_lookup("p"), exclude=("*",))

    with pytest.raises(ObjectNotFoundError, match="None of the 2 objects"):
        build_catalog([lookup], [[found("p/a"), found("p/b")]])


def test_the_content_of_a_marker_is_named_as_left_out() -> None:
    catalog = build_catalog(
        [prefix_lookup("p")], [[found("p/d/", 7), found("p/d/x"), found("p/e/", 0)]]
    )

    assert [item.left_out for item in catalog.objects] == [("p/d/",), (), ()]
    assert [item.size for item in catalog.objects] == [0, 1, 0]
    assert catalog.total_bytes == 1
