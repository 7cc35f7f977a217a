"""The progress of a download to one host: what is there, and what is still to come."""

from __future__ import annotations

import pytest

from xfd_api.ids import ChunkIndex, ObjectIndex, OrderId
from xfd_api.node_report import Stall
from xfd_api.progress import Progress, origin_reset
from xfd_api.reports import ChunkHeld, HeldRun, Inventory, NodeCounters, ObjectLanded
from xfd_api.testing.catalogs import catalog_of
from xfd_dataplane.download_progress import DownloadProgress
from xfd_dataplane.download_state import DownloadState

MIB = 2**20
BIG = ObjectIndex(0)


class Story:
    """A download of an object of 4 MiB and an empty one; chunks have 1 MiB."""

    def __init__(self, *, found: Inventory | None = None) -> None:
        catalog = catalog_of({"big": 4 * MIB, "empty": 0})
        self.state = DownloadState(catalog, seed=1)
        self.made = DownloadProgress(catalog, self.state)
        self.state.inventory_taken(found or Inventory())

    def at(self, now: float, mib: float, *, waits_for: str | None = None) -> Progress:
        return self.made.at(now, NodeCounters(origin_bytes=int(mib * MIB)), waits_for=waits_for)

    def held(self, chunk: int) -> None:
        event = ChunkHeld(OrderId(0), ChunkIndex(chunk), 7, None, MIB, 0.1, 0.1)
        self.state.handle(event, now=1.0)

    def part(self) -> int | None:
        """The bytes of the big object, if it is under way."""
        shown = self.at(1.0, 0.0).per_object
        assert [each.total_bytes for each in shown] == [4 * MIB] * len(shown)
        return shown[0].done_bytes if shown else None


def test_an_object_begins_with_what_an_earlier_run_left_of_it() -> None:
    story = Story(found=Inventory(held=(HeldRun(ChunkIndex(0), (1, 1)),)))
    assert story.part() == 2 * MIB

    story.held(2)
    assert story.part() == 3 * MIB
    story.held(3)
    assert story.part() is None
    assert story.state.fetched[BIG] == 2 * MIB


def test_an_object_that_another_process_has_landed_is_under_way_no_more() -> None:
    story = Story()
    story.held(0)
    assert story.part() == MIB

    story.state.inventory_taken(Inventory(landed=(BIG,)))
    assert story.part() is None


def test_an_object_that_has_landed_is_under_way_no_more() -> None:
    story = Story()
    story.held(0)
    story.state.handle(ObjectLanded(BIG), now=2.0)
    assert story.part() is None


@pytest.mark.parametrize("pause_s", [60, 600, 3_200, 100_000])
def test_while_it_waits_for_the_origin_nobody_knows_how_long_it_takes(pause_s: int) -> None:
    story = Story()
    for second in range(4):
        moving = story.at(float(second), second / 4)
    assert moving.left_s == pytest.approx(13.0)

    now = story.at(3.0 + pause_s, 0.75, waits_for=origin_reset(None))
    assert (now.bytes_per_s, now.left_s) == (0.0, None)


def test_a_rate_that_fades_out_promises_nothing() -> None:
    story = Story()
    for second in range(4):
        story.at(float(second), second / 4)
    assert story.at(3_203.0, 0.75).left_s is None


def test_what_stalls_has_no_rate_and_says_why() -> None:
    story = Story()
    for second in range(4):
        story.at(float(second), second / 4)
    stall = Stall(9.0, None, "The origin answered with status 503")
    now = story.made.at(4.0, NodeCounters(origin_bytes=MIB), stall=stall)
    assert (now.bytes_per_s, now.left_s) == (0.0, None)
    assert now.stalls == ("no bytes for 9 s, the origin answered with status 503",)


def test_bytes_that_came_twice_are_not_the_end() -> None:
    story = Story()
    assert story.at(1.0, 9.0).done_bytes == 4 * MIB - 1
