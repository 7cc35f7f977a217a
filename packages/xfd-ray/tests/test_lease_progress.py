"""A lease's accounts: what each node has and lacked, and the report of it."""

from __future__ import annotations

import pytest

from xfd_api.errors import DiskFullError, NodeLostError, ObjectChangedError
from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId
from xfd_api.reports import ChunkHeld, HeldRun, Inventory, ObjectLanded
from xfd_api.testing import by_index, catalog_of
from xfd_api.traffic import Traffic
from xfd_ray.coordinator.lease_outcomes import failed_everywhere
from xfd_ray.coordinator.lease_progress import LeaseProgress
from xfd_ray.coordinator.lease_report import report_of
from xfd_ray.coordinator.lease_summary import summary_of
from xfd_ray.link_rates import LinkRates
from xfd_ray.report_format import report_text

MIB = 2**20
A, B = NodeId("a"), NodeId("b")
BIG, SMALL = ObjectIndex(0), ObjectIndex(1)


@pytest.fixture
def progress() -> LeaseProgress:
    """Two nodes, and two objects: chunks 0 to 2 and chunk 3."""
    catalog = catalog_of({"big": 3 * MIB, "small": 100})
    progress = LeaseProgress(by_index(catalog.objects), by_index(catalog.chunks), began=10.0)
    progress.add_node(A, 10.0)
    progress.add_node(B, 10.0)
    return progress


def came(chunk: int, source: NodeId | None, size: int = MIB) -> ChunkHeld:
    return ChunkHeld(OrderId(chunk), ChunkIndex(chunk), 1, source, size, 0.5, 0.5)


def nothing(progress: LeaseProgress, *nodes: NodeId) -> None:
    for node in nodes:
        progress.took_inventory(node, (BIG, SMALL), Inventory(), 11.0)


def test_bytes_are_booked_where_they_came_from_and_went_to(progress):
    nothing(progress, A, B)
    for chunk, size in ((0, MIB), (1, MIB), (2, MIB), (3, 100)):
        progress.held(A, came(chunk, None, size), 12.0)
        progress.held(B, came(chunk, A, size), 13.0)
    for node, when in ((A, 12.0), (B, 14.0)):
        for index in (BIG, SMALL):
            progress.landed(node, ObjectLanded(index), when)
    assert progress.is_done
    report = report_of(progress, 99.0, retries=2, rates=LinkRates(origin=MIB), traffic=Traffic())
    total = 3 * MIB + 100
    assert report.elapsed_s == 4.0  # to the last file, not to when it was asked for
    assert (report.origin_bytes, report.peer_bytes, report.missing_bytes) == (total, total, total)
    assert (report.bound_s, report.bound_source) == (total / MIB, "configured")
    assert [node.served_bytes for node in report.nodes] == [total, 0]
    assert [item.origin_bytes for item in report.objects] == [3 * MIB, 100]
    assert summary_of(progress, 12.0, {}).done_bytes == 2 * total


def test_an_order_for_a_chunk_that_is_here_moves_nothing(progress):
    nothing(progress, A, B)
    progress.held(A, came(0, None), 12.0)
    progress.held(B, came(0, A), 13.0)
    again = ChunkHeld(OrderId(9), ChunkIndex(0), 1, A, MIB, 0.1, 0.0)
    progress.held(B, again, 13.0)
    assert (progress.nodes[B].peer_bytes, progress.nodes[A].served_bytes) == (MIB, MIB)


def test_what_was_there_is_not_missing(progress):
    whole = Inventory(
        held=(HeldRun(ChunkIndex(0), (1, 1, 1)),), landed=(BIG,), cached_bytes=3 * MIB
    )
    progress.took_inventory(A, (BIG, SMALL), whole, 11.0)
    partly = Inventory(held=(HeldRun(ChunkIndex(1), (None,)),))
    progress.took_inventory(B, (BIG, SMALL), partly, 11.0)
    assert progress.nodes[A].missing_bytes == 100
    assert progress.nodes[B].missing_bytes == 2 * MIB + 100
    assert progress.missing_anywhere == {0, 2, 3}
    assert progress.missing_anywhere - progress.held_anywhere == {
        3
    }  # only this must leave the origin
    report = report_of(progress, 12.0, retries=0, rates=None, traffic=Traffic())
    assert report.cached_bytes == 3 * MIB
    assert [item.nodes_cached for item in report.objects] == [1, 0]


@pytest.mark.parametrize(
    ("inventory", "arrive", "parts"),
    [
        (Inventory(), (0, 1, 2, 3), (0, 0, 3 * MIB + 100)),
        (Inventory(landed=(SMALL,)), (0, 1, 2), (100, 0, 3 * MIB)),
        (Inventory(held=(HeldRun(ChunkIndex(1), (None,)),)), (0, 2, 3), (0, MIB, 2 * MIB + 100)),
        (
            Inventory(held=(HeldRun(ChunkIndex(0), (1,)), HeldRun(ChunkIndex(3), (1,)))),
            (1, 2),
            (0, MIB + 100, 2 * MIB),
        ),
    ],
)
def test_what_a_node_has_came_from_somewhere(progress, inventory, arrive, parts):
    progress.took_inventory(A, (BIG, SMALL), inventory, 11.0)
    progress.took_inventory(B, (BIG, SMALL), Inventory(elsewhere=((BIG, A), (SMALL, A))), 11.0)
    for chunk in arrive:
        progress.held(A, came(chunk, None, 100 if chunk == 3 else MIB), 12.0)
    for index in (BIG, SMALL):
        progress.landed(A, ObjectLanded(index), 13.0)
    report = report_of(progress, 13.0, retries=0, rates=None, traffic=Traffic())
    one, other = report.nodes
    assert (one.cached_bytes, one.resumed_bytes, one.origin_bytes) == parts
    assert sum(parts) == one.bytes == progress.bytes
    assert other.bytes == progress.bytes
    assert other.shared_bytes == progress.bytes
    # A worker that is lost looks again: what it received is no find.
    progress.start_over(A)
    found = HeldRun(ChunkIndex(0), (1, 1, 1, 1))
    progress.took_inventory(A, (BIG, SMALL), Inventory((found,), landed=(BIG, SMALL)), 14.0)
    again = report_of(progress, 14.0, retries=0, rates=None, traffic=Traffic()).nodes[0]
    assert (again.cached_bytes, again.resumed_bytes, again.origin_bytes) == parts


def test_of_a_pack_only_the_leases_own_objects_count():
    """Another lease's object came with it, in the same chunk."""
    catalog = catalog_of({"mine": 100, "other": 900})
    assert len(catalog.chunks) == 1
    progress = LeaseProgress(by_index(catalog.objects[:1]), by_index(catalog.chunks), began=10.0)
    progress.add_node(A, 10.0)
    progress.took_inventory(A, (BIG,), Inventory(), 11.0)
    progress.held(A, came(0, None, 1000), 12.0)
    progress.landed(A, ObjectLanded(BIG), 12.0)
    report = report_of(progress, 12.0, retries=0, rates=None, traffic=Traffic())
    assert report.origin_bytes == report.missing_bytes == report.nodes[0].bytes == 100
    assert [item.origin_bytes for item in report.objects] == [100]


def test_a_lost_node_does_not_keep_the_others_waiting(progress):
    nothing(progress, A, B)
    progress.landed(A, ObjectLanded(BIG), 12.0)
    progress.landed(A, ObjectLanded(SMALL), 12.0)
    assert not progress.is_done
    progress.lost(B, NodeLostError("gone", node="b"), 13.0)
    assert progress.is_done
    report = report_of(progress, 13.0, retries=0, rates=None, traffic=Traffic())
    assert report.nodes_lost == (B,)
    assert [node.state for node in report.nodes] == ["done", "lost"]


def test_a_node_that_failed_is_done_and_says_why(progress):
    nothing(progress, A, B)
    full = DiskFullError("no room", node="b")
    assert progress.failed(B, (BIG, SMALL), full, 12.0)
    assert progress.nodes[B].done_at == 12.0
    assert failed_everywhere(progress) is None
    assert not progress.failed(B, (ObjectIndex(77),), full, 12.0)


def test_an_object_that_fails_everywhere_is_known_by_its_error(progress):
    nothing(progress, A, B)
    changed = ObjectChangedError("changed", object="small")
    for node in (A, B):
        progress.failed(node, (SMALL,), changed, 12.0)
    assert failed_everywhere(progress) is changed


def test_a_shared_file_counts_on_both_nodes_when_its_writer_has_landed_it(progress):
    nothing(progress, A)
    progress.took_inventory(B, (BIG, SMALL), Inventory(elsewhere=((BIG, A), (SMALL, A))), 11.0)
    assert progress.nodes[B].missing_bytes == 0
    progress.landed(A, ObjectLanded(BIG), 12.0)
    progress.landed(A, ObjectLanded(SMALL), 12.5)
    assert progress.nodes[B].done_at == 12.5


def test_a_worker_that_comes_back_begins_anew(progress):
    nothing(progress, A)
    progress.landed(A, ObjectLanded(BIG), 12.0)
    progress.start_over(A)
    assert progress.nodes[A].landed == 0
    nothing(progress, A)
    assert progress.nodes[A].missing_bytes == progress.bytes  # counted once, however often it looks
    progress.took_inventory(A, (BIG, SMALL), Inventory(landed=(BIG, SMALL)), 14.0)
    assert progress.nodes[A].done_at == 14.0


def test_what_an_archive_has_and_its_tree_has_not_is_named_once_for_all_nodes(progress):
    names = tuple(f"dev/tty{number}" for number in range(100))
    for node in (A, B):
        progress.landed(node, ObjectLanded(BIG, names, 150), 12.0)
        progress.landed(node, ObjectLanded(SMALL), 12.0)
    report = report_of(progress, 12.0, retries=0, rates=None, traffic=Traffic())
    assert (report.left_out, report.left_out_count) == (names, 150)
    assert [result.left_out_count for result in report.objects] == [150, 0]
    text = report_text(report)
    assert "left out of big, 150 devices, pipes and the like: dev/tty0, dev/tty1," in text
    assert "dev/tty19, …" in text


def test_a_run_from_the_cache_names_what_its_trees_lack(progress):
    found = Inventory(landed=(BIG, SMALL), left_out=((BIG, ("run/pipe",), 1),))
    for node in (A, B):
        progress.took_inventory(node, (BIG, SMALL), found, 11.0)
    report = report_of(progress, 12.0, retries=0, rates=None, traffic=Traffic())
    assert (report.left_out, report.left_out_count) == (("run/pipe",), 1)
