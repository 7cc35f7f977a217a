"""Reports arrive once and in order, whatever gets lost on the way."""

from xfd_api.ids import ChunkIndex, ObjectIndex, OrderId
from xfd_api.reports import ChunkHeld, ChunkLost, HeldRun, Inventory, NodeCounters, ObjectLanded
from xfd_ray.worker.report_buffer import UNACKNOWLEDGED_REPORTS, Outbox

COUNTERS = NodeCounters()


def held(chunk: int) -> ChunkHeld:
    return ChunkHeld(OrderId(chunk), ChunkIndex(chunk), 7 + chunk, None, 10, 0.1, 0.1)


def test_a_report_carries_what_is_new_since_the_one_before():
    outbox = Outbox()
    outbox.add([held(0)])
    assert outbox.has_news
    assert outbox.report(0, COUNTERS).events == (held(0),)
    assert not outbox.has_news
    outbox.add([held(1)])
    second = outbox.report(0, COUNTERS)  # asked before the first report arrived
    assert (second.seq, second.events, second.full) == (2, (held(1),), None)


def test_what_was_lost_comes_again_before_what_is_new():
    outbox = Outbox()
    outbox.add([held(0)])
    outbox.report(0, COUNTERS)
    outbox.add([held(1)])
    outbox.report(0, COUNTERS)
    outbox.add([held(2)])
    again = outbox.report(1, COUNTERS, again=True)
    assert again.events == (held(1), held(2))
    assert again.full is None
    assert outbox.report(again.seq, COUNTERS, again=True).events == ()


def test_a_gap_is_filled_with_all_that_the_node_holds():
    outbox = Outbox()
    outbox.take_stock(
        Inventory(held=(HeldRun(ChunkIndex(10), (None, 3)),), landed=(ObjectIndex(5),))
    )
    for chunk in range(UNACKNOWLEDGED_REPORTS + 5):
        outbox.add([held(chunk)] if chunk < 2 else [])
        outbox.report(0, COUNTERS)
    outbox.add([ObjectLanded(ObjectIndex(1))])
    report = outbox.report(0, COUNTERS, again=True)
    assert report.full == Inventory(
        held=(HeldRun(ChunkIndex(0), (7, 8)), HeldRun(ChunkIndex(10), (None, 3))),
        landed=(ObjectIndex(1), ObjectIndex(5)),
    )


def test_discarded_chunks_are_not_held_any_more():
    outbox = Outbox()
    outbox.add([held(0), held(1)])
    outbox.forget([ChunkIndex(0)])
    outbox.report(0, COUNTERS)
    for _ in range(UNACKNOWLEDGED_REPORTS + 1):
        outbox.report(0, COUNTERS)
    full = outbox.report(0, COUNTERS, again=True).full
    assert full is not None
    assert full.held == (HeldRun(ChunkIndex(1), (8,)),)


def test_lost_chunks_are_reported_and_not_held_any_more():
    outbox = Outbox()
    lost = ChunkLost(ChunkIndex(0))
    outbox.add([held(0), held(1), lost])
    assert outbox.report(0, COUNTERS).events == (held(0), held(1), lost)
    for _ in range(UNACKNOWLEDGED_REPORTS + 1):
        outbox.report(0, COUNTERS)
    full = outbox.report(0, COUNTERS, again=True).full
    assert full is not None
    assert full.held == (HeldRun(ChunkIndex(1), (8,)),)
