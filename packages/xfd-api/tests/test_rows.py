"""Rows are read as the instances that they were made of, and are small."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from xfd_api.chunks import Checksum, Chunk, FoundObject, Span
from xfd_api.ids import ChunkIndex, ObjectIndex
from xfd_api.rows import Rows, as_rows

numbers = st.integers() | st.integers(0, 2**32) | st.just(7)
texts = st.none() | st.text(max_size=6) | st.just("é\N{GRINNING FACE}")
sums = st.none() | st.builds(Checksum, st.just("crc32c"), st.text(max_size=3))
found = st.builds(FoundObject, st.text(max_size=6), numbers, texts, st.none() | numbers, sums)
spans = st.lists(st.builds(Span, numbers, numbers, numbers), max_size=3).map(tuple)
chunks = st.builds(Chunk, numbers, spans, numbers)


@given(st.lists(found, max_size=9) | st.lists(chunks, max_size=9), st.data())
def test_rows_read_like_a_tuple(items: list[Any], data: st.DataObject) -> None:
    rows = pickle.loads(pickle.dumps(Rows(items)))
    assert tuple(rows) == tuple(items) == rows
    assert len(rows) == len(items)
    assert [rows[place] for place in range(-len(items), len(items))] == items * 2
    piece = data.draw(st.slices(len(items)))
    assert rows[piece] == tuple(items)[piece]
    with pytest.raises(IndexError):
        rows[len(items)]


@given(st.lists(found, min_size=1, max_size=4))
def test_rows_differ_from_other_instances(items: list[FoundObject]) -> None:
    assert Rows(items) != tuple(items[:-1])
    assert Rows(items) != (*items[:-1], FoundObject("another key", -1))
    assert hash(Rows(items)) == hash(tuple(items))


def test_fields_that_do_not_count_for_equality_are_kept() -> None:
    items = [FoundObject("a", 1, location=place) for place in ("x/a", "y/a", "y/a")]
    assert [each.location for each in Rows(items)] == ["x/a", "y/a", "y/a"]


def test_what_is_rows_already_stays_the_same() -> None:
    rows = Rows([Span(ObjectIndex(0), 0, 1)])
    assert as_rows(rows) is rows


def test_an_object_takes_a_sixth_of_its_dataclasses() -> None:
    count = 1000
    items = [
        FoundObject(f"models/part-{place:06}", 4096 + place, f'"{place:032x}"', 1_700_000_000 << 30)
        for place in range(count)
    ]
    of_an_item = sum(map(sys.getsizeof, (items[5], items[5].key, items[5].etag, items[5].size)))
    pack = [Chunk(ChunkIndex(0), tuple(Span(ObjectIndex(k), 0, 9) for k in range(count)), 9)]
    assert len(pickle.dumps(Rows(items))) < count * of_an_item / 3
    assert len(pickle.dumps(Rows(pack))) < count
