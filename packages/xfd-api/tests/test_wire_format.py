"""Reports, orders and catalogs come out of a pickle as they went in."""

from __future__ import annotations

import pickle

import hypothesis.strategies as st
from hypothesis import given

from xfd_api.chunks import (
    Catalog,
    CatalogObject,
    Checksum,
    Chunk,
    FoundObject,
    Span,
    Unpack,
)
from xfd_api.errors import PeerError
from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId
from xfd_api.node_report import NodeReport
from xfd_api.orders import Cancel, Discard, Fetch, MeetPeers, Order, Pin, Release
from xfd_api.reports import (
    ChunkHeld,
    HeldRun,
    Inventory,
    NodeCounters,
    NodeEvent,
    ObjectLanded,
    OrderFailed,
)
from xfd_api.requests import UnpackMethod
from xfd_api.wire_format import EventColumns, decode_orders, encode_orders

u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
seconds = st.floats(0, 1e6)
sources = st.none() | st.sampled_from(["a", "b" * 32]).map(NodeId)
held = st.builds(
    ChunkHeld,
    order=u64.map(OrderId),
    chunk=u32.map(ChunkIndex),
    crc=u64,
    source=sources,
    size=st.integers(0, 2**40),
    seconds=seconds,
    transfer_seconds=seconds,
)
landed = st.builds(ObjectLanded, u32.map(ObjectIndex))
fetch = st.builds(Fetch, u64.map(OrderId), u32.map(ChunkIndex), st.integers(1, 99), sources, u32)


@given(st.lists(held | landed))
def test_a_report_comes_out_as_it_went_in(events: list[NodeEvent]) -> None:
    full = Inventory((HeldRun(ChunkIndex(1), (3, None)),))
    report = NodeReport(7, tuple(events), NodeCounters(origin_bytes=5, retries=1), full)
    again = pickle.loads(pickle.dumps(report))
    assert (again.seq, again.counters, again.full) == (7, report.counters, full)
    assert list(again.events) == events
    assert len(again.events) == len(events)
    assert again.events == tuple(events)
    assert [again.events[place] for place in range(len(events))] == events


@given(st.lists(held | landed, max_size=12), st.integers(0, 2**12 - 1))
def test_events_without_some_rows_keep_their_order(events: list[NodeEvent], rows: int) -> None:
    left = []
    row = 0
    for event in events:
        if isinstance(event, ChunkHeld):
            row += 1
            if rows >> (row - 1) & 1:
                continue
        left.append(event)
    assert EventColumns(events).without(rows) == left


def test_errors_keep_their_place_and_their_fields() -> None:
    failed = OrderFailed(OrderId(1), ChunkIndex(2), None, PeerError("It is gone"), "peer")
    events: tuple[NodeEvent, ...] = (ObjectLanded(ObjectIndex(0)), failed)
    first, second = pickle.loads(pickle.dumps(NodeReport(1, events))).events
    assert first == events[0]
    assert isinstance(second.error, PeerError)
    assert second.error.what == "It is gone"


@given(st.lists(fetch))
def test_orders_come_out_as_they_went_in(fetches: list[Fetch]) -> None:
    orders: list[Order] = [
        MeetPeers(((NodeId("a"), "10.0.0.1:7"),)),
        Pin(((ChunkIndex(1), 2),)),
        *fetches,
        Cancel(OrderId(3), 2),
        Discard((ChunkIndex(4),)),
        Release((ObjectIndex(5),)),
    ]
    assert decode_orders(pickle.loads(pickle.dumps(encode_orders(orders)))) == tuple(orders)


names = st.text(max_size=8)
found = st.builds(
    FoundObject,
    names,
    u64,
    st.none() | names,
    st.none() | u64,
    st.none() | st.builds(Checksum, st.just("crc32c"), names),
)
unpacks = st.builds(Unpack, names, st.sampled_from(UnpackMethod), st.booleans())
objects = st.builds(
    CatalogObject,
    u32.map(ObjectIndex),
    st.none() | names,
    st.none() | names,
    found,
    names,
    st.none() | names,
    st.booleans(),
    st.booleans(),
    st.none() | unpacks,
    st.integers(-9, 9),
)
spans = st.builds(Span, u32.map(ObjectIndex), u64, u64)
chunks = st.builds(
    Chunk, u32.map(ChunkIndex), st.lists(spans, max_size=3).map(tuple), u64, st.integers(-9, 9)
)
few_objects = st.lists(objects, max_size=4).map(tuple)
few_chunks = st.lists(chunks, max_size=4).map(tuple)


@given(st.builds(Catalog, few_objects, few_chunks, u32, u32))
def test_a_catalog_comes_out_as_it_went_in(catalog: Catalog) -> None:
    assert pickle.loads(pickle.dumps(catalog)) == catalog
