"""Reports carry every event once and in sequence, also if answers are lost."""

from xfd_api.ids import ChunkIndex, ObjectIndex, OrderId
from xfd_api.reports import ChunkHeld, ChunkLost, HeldRun, Inventory, NodeCounters, ObjectLanded
from xfd_api.testing import catalog_of
from xfd_ray.worker.report_buffer import UNACKNOWLEDGED_REPORTS, ReportBuffer

COUNTERS = NodeCounters()
OBJECTS = (ObjectIndex(0), ObjectIndex(1))
CATALOG = catalog_of({"a": 5, "b": 7})


def held(chunk: int) -> ChunkHeld:
    return ChunkHeld(OrderId(chunk), ChunkIndex(chunk), 7 + chunk, None, 10, 0.1, 0.1)


def test_a_report_carries_the_events_since_the_last_one():
    reports = ReportBuffer()
    reports.add([held(0)])
    assert reports.has_events
    assert reports.next_report(0, COUNTERS).events == (held(0),)
    assert not reports.has_events
    reports.add([held(1)])
    second = reports.next_report(0, COUNTERS)  # requested before the first report arrived
    assert (second.seq, second.events, second.full) == (2, (held(1),), None)


def test_lost_events_are_repeated_before_new_ones():
    reports = ReportBuffer()
    reports.add([held(0)])
    reports.next_report(0, COUNTERS)
    reports.add([held(1)])
    reports.next_report(0, COUNTERS)
    reports.add([held(2)])
    again = reports.next_report(1, COUNTERS, again=True)
    assert again.events == (held(1), held(2))
    assert again.full is None
    assert reports.next_report(again.seq, COUNTERS, again=True).events == ()


def test_after_a_gap_a_report_carries_all_that_the_node_holds():
    reports = ReportBuffer()
    reports.add_inventory(
        CATALOG,
        Inventory(held=(HeldRun(ChunkIndex(10), (None, 3)),), landed=(ObjectIndex(5),)),
    )
    for chunk in range(UNACKNOWLEDGED_REPORTS + 5):
        reports.add([held(chunk)] if chunk < 2 else [])
        reports.next_report(0, COUNTERS)
    reports.add([ObjectLanded(ObjectIndex(1))])
    report = reports.next_report(0, COUNTERS, again=True)
    assert report.full == Inventory(
        held=(HeldRun(ChunkIndex(0), (7, 8)), HeldRun(ChunkIndex(10), (None, 3))),
        landed=(ObjectIndex(1), ObjectIndex(5)),
    )


def test_a_full_report_has_nothing_of_what_a_later_inventory_lacks():
    reports = ReportBuffer()
    reports.add([held(0), held(1), held(2), *map(ObjectLanded, OBJECTS)])
    reports.add_inventory(
        CATALOG, Inventory(held=(HeldRun(ChunkIndex(1), (8,)),), landed=OBJECTS[1:])
    )
    for _ in range(UNACKNOWLEDGED_REPORTS + 2):
        reports.next_report(0, COUNTERS)
    report = reports.next_report(0, COUNTERS, again=True)
    assert report.full == Inventory(held=(HeldRun(ChunkIndex(1), (8, 9)),), landed=OBJECTS[1:])


def test_discarded_chunks_are_not_in_a_full_report():
    reports = ReportBuffer()
    reports.add([held(0), held(1)])
    reports.discard([ChunkIndex(0)])
    reports.next_report(0, COUNTERS)
    for _ in range(UNACKNOWLEDGED_REPORTS + 1):
        reports.next_report(0, COUNTERS)
    full = reports.next_report(0, COUNTERS, again=True).full
    assert full is not None
    assert full.held == (HeldRun(ChunkIndex(1), (8,)),)


def test_lost_chunks_are_reported_and_not_in_a_full_report():
    reports = ReportBuffer()
    lost = ChunkLost(ChunkIndex(0))
    reports.add([held(0), held(1), lost])
    assert reports.next_report(0, COUNTERS).events == (held(0), held(1), lost)
    for _ in range(UNACKNOWLEDGED_REPORTS + 1):
        reports.next_report(0, COUNTERS)
    full = reports.next_report(0, COUNTERS, again=True).full
    assert full is not None
    assert full.held == (HeldRun(ChunkIndex(1), (8,)),)
