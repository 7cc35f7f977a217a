"""Objects are cut into chunks that tile them, the same way each time."""

from __future__ import annotations

import pytest
from catalog_builders import archive_lookup, found, object_lookup, prefix_lookup
from hypothesis import assume, given
from hypothesis import strategies as st

from xfd_api.catalog import (
    OBJECTS_PER_PACK,
    PACK_BYTES,
    PACKED_BELOW_BYTES,
    build_catalog,
    chosen_chunk_size,
    chunk_ranges,
)
from xfd_api.chunks import CHUNK_CEILING_BYTES, MIB, Catalog
from xfd_api.errors import InvalidRequestError, ObjectNotFoundError

SIZES = st.lists(
    st.one_of(
        st.integers(0, 64),
        st.integers(0, 3 * MIB),
        st.integers(0, 64 * MIB),
        st.sampled_from([PACKED_BELOW_BYTES - 1, PACKED_BELOW_BYTES, 4 * MIB, 8 * MIB]),
    ),
    min_size=1,
    max_size=40,
)
CHUNK_SIZES = st.one_of(st.none(), st.integers(MIB // 4, CHUNK_CEILING_BYTES))


def catalog_of(sizes: list[int], chunk_size: int | None, **first: int) -> Catalog:
    answers = [found(f"p/{place:06d}", size) for place, size in enumerate(sizes)]
    return build_catalog(
        [prefix_lookup("p")],
        [answers],
        chunk_size_bytes=chunk_size,
        **first,
    )


@given(sizes=SIZES, chunk_size=CHUNK_SIZES)
def test_chunks_tile_every_object_exactly_once(sizes: list[int], chunk_size: int | None) -> None:
    catalog = catalog_of(sizes, chunk_size)
    reached = dict.fromkeys((item.index for item in catalog.objects), 0)
    seen = set()

    for chunk in catalog.chunks:
        for span in chunk.spans:
            assert span.offset == reached[span.object], "a gap, or bytes twice"
            reached[span.object] += span.length
            seen.add(span.object)

    assert reached == {item.index: item.found.size for item in catalog.objects}
    assert seen == set(reached), "an empty object has a chunk too"
    assert catalog.total_bytes == sum(sizes)


@given(sizes=SIZES, chunk_size=CHUNK_SIZES, first=st.integers(0, 1000))
def test_every_chunk_is_a_range_of_one_object_or_a_pack_of_whole_ones(
    sizes: list[int], chunk_size: int | None, first: int
) -> None:
    catalog = catalog_of(sizes, chunk_size, first_object=first, first_chunk=2 * first)
    size_of = {item.index: item.found.size for item in catalog.objects}

    assert [item.index for item in catalog.objects] == list(range(first, first + len(sizes)))
    assert [chunk.index for chunk in catalog.chunks] == list(
        range(2 * first, 2 * first + len(catalog.chunks))
    )
    for chunk in catalog.chunks:
        assert chunk.size == sum(span.length for span in chunk.spans)
        assert chunk.size <= (chunk_size or CHUNK_CEILING_BYTES)
        if len(chunk.spans) > 1:
            assert all(span.length == size_of[span.object] for span in chunk.spans)
            assert chunk.size <= PACK_BYTES
            assert len(chunk.spans) <= OBJECTS_PER_PACK


@given(sizes=SIZES, chunk_size=CHUNK_SIZES)
def test_the_same_input_is_cut_the_same_way(sizes: list[int], chunk_size: int | None) -> None:
    assert catalog_of(sizes, chunk_size) == catalog_of(sizes, chunk_size)


@given(size=st.integers(0, 10**13))
def test_a_chosen_size_is_between_floor_and_ceiling_and_grows_with_the_object(size: int) -> None:
    chosen = chosen_chunk_size(size)

    assert 4 * MIB <= chosen <= CHUNK_CEILING_BYTES
    assert chosen <= chosen_chunk_size(size * 2)


@given(size=st.integers(0, 10**12), chunk_size=CHUNK_SIZES)
def test_ranges_tile_objects_of_any_size(size: int, chunk_size: int | None) -> None:
    assume(size // (chunk_size or chosen_chunk_size(size)) < 10_000)
    reached = 0
    for offset, length in chunk_ranges(size, chunk_size):
        assert offset == reached
        assert length > 0 or size == 0
        reached += length

    assert reached == size


def test_the_end_of_a_large_object_is_cut_more_finely() -> None:
    lengths = [length for _, length in chunk_ranges(512 * MIB, None)]

    assert lengths == [4 * MIB] * 120 + [MIB] * 32


@pytest.mark.parametrize(("size", "chunk_size"), [(512 * MIB, 4 * MIB), (255 * MIB, None)])
def test_chunks_of_a_size_that_was_asked_for_or_of_smaller_objects_are_alike(
    size: int, chunk_size: int | None
) -> None:
    assert {length for _, length in chunk_ranges(size, chunk_size)} <= {4 * MIB, 3 * MIB}


def test_what_an_objects_chunks_are_depends_on_no_neighbour() -> None:
    large = 300 * MIB
    alone = catalog_of([large], None)
    among = catalog_of([5, large, 7], None)
    offsets = [s.offset for c in among.chunks for s in c.spans if s.object == 1]

    assert offsets == [chunk.spans[0].offset for chunk in alone.chunks]


def test_ten_thousand_small_objects_are_a_few_dozen_decisions() -> None:
    catalog = catalog_of([16 * 1024] * 10_000, None)

    assert len(catalog.chunks) == 40
    assert all(chunk.size <= PACK_BYTES for chunk in catalog.chunks)


def test_empty_objects_share_packs_within_their_limit() -> None:
    catalog = catalog_of([0] * (OBJECTS_PER_PACK + 1), None)

    assert [len(chunk.spans) for chunk in catalog.chunks] == [OBJECTS_PER_PACK, 1]


def test_objects_of_two_priorities_or_prefixes_share_no_pack() -> None:
    lookups = [
        prefix_lookup("a", "/d/a"),
        prefix_lookup("b", "/d/b"),
        object_lookup("soon", priority=-1),
        object_lookup("late", priority=1),
    ]
    answers = [[found("a/1"), found("a/2")], [found("b/1")], [found("soon")], [found("late")]]

    chunks = build_catalog(lookups, answers).chunks

    assert [len(chunk.spans) for chunk in chunks] == [2, 1, 1, 1]
    assert [chunk.priority for chunk in chunks] == [0, 0, -1, 1]


def test_an_archive_that_is_unpacked_is_never_packed() -> None:
    lookups = [object_lookup("a"), archive_lookup("b.tar", "/d/b"), object_lookup("c")]

    chunks = build_catalog(lookups, [[found("a")], [found("b.tar")], [found("c")]]).chunks

    assert [[span.object for span in chunk.spans] for chunk in chunks] == [[0], [1], [2]]


@pytest.mark.parametrize("size", [0, -1, CHUNK_CEILING_BYTES + 1])
def test_a_chunk_size_out_of_range_is_refused(size: int) -> None:
    with pytest.raises(InvalidRequestError, match=str(size)):
        catalog_of([1], size)


def test_a_prefix_without_objects_is_not_found() -> None:
    with pytest.raises(ObjectNotFoundError) as caught:
        build_catalog([prefix_lookup("nothing")], [[]])

    assert caught.value.object == "nothing"


def test_a_chunk_size_that_makes_crumbs_is_refused_before_anything_is_cut() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        catalog_of([8 * 2**30], 1)
    assert caught.value.remedy == "Use 8590 bytes or more, or None"
    assert len(catalog_of([3], 1).chunks) == 3
