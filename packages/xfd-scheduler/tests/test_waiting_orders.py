"""No order waits at a node that will not have the chunk, whatever that node reports.

An object may land on a node while it fetches the object's chunks: another process there wrote it.
From then on the node does not fetch again what it loses. `check_invariants` follows each order.
"""

from __future__ import annotations

from collections.abc import Callable

from xfd_api.errors import DiskFullError, ObjectNotFoundError
from xfd_api.orders import Cancel
from xfd_api.reports import Inventory
from xfd_scheduler.testing.script import Script

Checked = Callable[[Script], Script]


def chain(script: Script) -> tuple[str, str, str]:
    """The reader of chunk 0, a node that receives it there, and one that receives it from that."""
    reader = script.reader(0)
    for node in script.assignments:
        source = script.source(node, 0)
        if source is not None and source != reader:
            return reader, source, node
    raise AssertionError("all nodes are below the reader")


def ordered(checked: Checked) -> Script:
    """Five nodes, and orders for one chunk."""
    script = checked(Script.of_nodes(5, chunks=1))
    script.plan()
    return script


def test_a_bad_copy_of_an_object_that_has_landed_is_not_waited_for(checked: Checked) -> None:
    script = ordered(checked)
    reader, relay, child = chain(script)
    script.holds(reader, 0)
    script.lands(relay, 0)
    script.holds(relay, 0, crc=0xBAD)
    script.plan()
    assert script.source(child, 0) not in (relay, None)
    script.runs_to_the_end()


def test_a_refused_chunk_of_an_object_that_has_landed_is_not_waited_for(checked: Checked) -> None:
    script = ordered(checked)
    reader, relay, _ = chain(script)
    script.lands(reader, 0)
    script.lands(relay, 0)
    script.fails(reader, 0, "origin", error=ObjectNotFoundError("No such key"), final=True)
    cancelled = {node for node, order in script.orders if isinstance(order, Cancel)}
    script.plan()
    cancelled = {node for node, order in script.orders if isinstance(order, Cancel)} - cancelled
    assert relay in cancelled


def test_a_copy_that_a_full_report_leaves_out_is_not_waited_for(checked: Checked) -> None:
    """The node did not want it any more, since its object had failed there."""
    script = checked(Script())
    script.grow([1])
    script.joins("a", held=(0,))
    script.joins("b")
    script.plan()
    assert script.source("b", 0) == "a"
    script.reports("a")
    script.cannot_land("a", 0, DiskFullError("No room"))
    script._seq["a"] += 1
    script.reports("a", full=Inventory())
    script.plan()
    assert script.source("b", 0) is None
    script.runs_to_the_end()


def test_a_copy_that_was_released_before_its_report_is_fetched_again(checked: Checked) -> None:
    script = checked(Script.of_nodes(2, chunks=1))
    script.plan()
    late = script.reader(0)
    script.releases(0)
    script.holds(late, 0)
    script.plan()
    script.takes_inventory(late)
    script.runs_to_the_end()
    assert script.scheduler.open_chunks()[late] == 0  # type: ignore[index]
    assert script.origin_reads[0] == 2
