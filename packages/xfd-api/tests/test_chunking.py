"""Objects are cut into chunks that tile them, the same way each time."""

from __future__ import annotations

import re

import pytest
from catalog_builders import archive_lookup, found, object_lookup, prefix_lookup
from hypothesis import assume, given
from hypothesis import strategies as st

from xfd_api import catalog as catalogs
from xfd_api.catalog import build_catalog
from xfd_api.chunking import (
    CHUNKS_AT_MOST,
    INDEXES,
    OBJECTS_PER_PACK,
    PACK_BYTES,
    PACKED_BELOW_BYTES,
    chosen_chunk_size,
    chunk_count,
    chunk_ranges,
)
from xfd_api.chunks import CHUNK_CEILING_BYTES, MIB, Catalog
from xfd_api.errors import InvalidRequestError, ObjectNotFoundError, OriginAnswerError

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


TIB = 2**40
ADVICE_LARGER = "Use a chunk_size_bytes of 104857600"
ADVICE_FEWER = "Check the sizes that the store lists, or request fewer objects at a time"


@pytest.mark.parametrize(
    ("sizes", "chunk_size", "count", "remedy"),
    [
        pytest.param([2**62], None, 52_226_800_000, ADVICE_FEWER, id="2**62 bytes"),
        pytest.param([2**63 - 1], None, 104_453_600_000, ADVICE_FEWER, id="the largest offset"),
        pytest.param([TIB] * 900, None, 11_207_000, ADVICE_FEWER, id="900 of 1 TiB"),
        pytest.param([90 * TIB], None, 1_120_700, ADVICE_LARGER, id="90 TiB"),
        pytest.param([2**62] * 5, None, 261_134_000_000, ADVICE_FEWER, id="a sum above 2**64"),
        pytest.param(
            [TIB], 1, TIB, "Use a chunk_size_bytes of 1099513 or more, or None", id="1 TiB by 1 B"
        ),
        pytest.param(
            [8 * 2**30], 1, 2**33, "Use a chunk_size_bytes of 8590 or more, or None", id="crumbs"
        ),
        pytest.param(
            [MIB] * 600_000,
            512 * 1024,
            1_200_000,
            "Use a chunk_size_bytes of 1572864 or more, or None",
            id="files",
        ),
        pytest.param([1, 90 * TIB, 2], None, 1_120_700, ADVICE_LARGER, id="among honest ones"),
    ],
)
def test_more_chunks_than_fit_are_an_error_before_anything_is_cut(
    sizes: list[int], chunk_size: int | None, count: int, remedy: str
) -> None:
    """To cut the first row would take a terabyte of memory; the claim may be a lie, too."""
    with pytest.raises(InvalidRequestError, match=f"and the limit is {CHUNKS_AT_MOST}") as caught:
        catalog_of(sizes, chunk_size)

    counted = int(re.findall(r"makes (\d+) chunks", caught.value.what)[0])
    assert counted == pytest.approx(count, rel=0.01)
    largest = f"p/{sizes.index(max(sizes)):06d}"
    assert caught.value.object == largest
    assert f"'{largest}' of {max(sizes)} bytes" in caught.value.what
    assert caught.value.remedy == remedy


@pytest.mark.parametrize(
    ("sizes", "chunk_size"),
    [
        ([10 * 10**12], 100 * MIB),
        ([10 * 10**12], None),
        ([10**12] * 50, None),
        ([90 * TIB], 100 * MIB),
        ([8 * 2**30], 8590),
        ([1000] * 600_000, None),
    ],
    ids=["10 TB", "10 TB, chosen", "50 TB", "90 TiB in the largest", "8 GiB", "600,000 files"],
)
def test_large_jobs_that_are_meant_are_within_the_bound(
    sizes: list[int], chunk_size: int | None
) -> None:
    assert 0 < len(catalog_of(sizes, chunk_size).chunks) <= CHUNKS_AT_MOST


@given(size=st.integers(0, 10**12), chunk_size=CHUNK_SIZES)
def test_the_count_is_that_of_the_cut(size: int, chunk_size: int | None) -> None:
    assume(size // (chunk_size or chosen_chunk_size(size)) < 10_000)

    assert chunk_count(size, chunk_size) == len(list(chunk_ranges(size, chunk_size)))


@pytest.mark.parametrize("size", [-1, -(2**63), 2**63, 2**64 - 1])
def test_a_size_that_no_file_has_is_an_error_of_the_store(size: int) -> None:
    with pytest.raises(OriginAnswerError, match=str(size)) as caught:
        catalog_of([5, size], None)

    assert caught.value.object == "p/000001"


def test_there_is_a_bound_on_objects_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogs, "OBJECTS_AT_MOST", 10)

    assert len(catalog_of([0] * 10, None).objects) == 10
    with pytest.raises(InvalidRequestError, match="11 objects, and the limit is 10"):
        catalog_of([0] * 11, None)


def test_a_swarm_does_not_count_beyond_its_indexes() -> None:
    assert len(catalog_of([8 * MIB], None, first_chunk=INDEXES - 2).chunks) == 2
    with pytest.raises(InvalidRequestError, match="cannot count 2 more"):
        catalog_of([8 * MIB], None, first_chunk=INDEXES - 1)


def test_chunks_as_small_as_a_byte_are_for_small_objects() -> None:
    assert len(catalog_of([3], 1).chunks) == 3
