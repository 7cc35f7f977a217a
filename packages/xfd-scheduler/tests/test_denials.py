"""Nodes that the origin refuses: those with other credentials read in their place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from failing_world import Failure, Seen, World, live

from xfd_api.errors import AccessDeniedError, CredentialsError, XfdError
from xfd_scheduler.events import NodeTraits
from xfd_scheduler.settings import SchedulerSettings
from xfd_scheduler.testing.script import Assignment, Script

Checked = Callable[[Script], Script]

DENIED = AccessDeniedError("403 AccessDenied")


def denying(denied: set[str], error: XfdError = DENIED) -> World:
    """Each read of these nodes is refused."""
    failure = Failure("origin", error, final=True)

    def world(_: Seen, node: str, assignment: Assignment) -> Failure | None:
        return failure if assignment.source is None and node in denied else None

    return world


def refusals(seen: Seen, denied: set[str]) -> int:
    """How many reads of these nodes there were."""
    pairs = seen.of_pair.items()
    return sum(count for (node, source, _), count in pairs if source is None and node in denied)


@pytest.mark.parametrize("error", [DENIED, CredentialsError("There is no token")])
@pytest.mark.parametrize("denied", [{"n0"}, {"n0", "n3"}])
def test_a_node_without_rights_receives_from_those_that_have_them(
    denied: set[str], error: XfdError, checked: Checked
) -> None:
    script = checked(Script.of_nodes(4, chunks=40))
    seen = live(script, denying(denied, error))
    assert not script.scheduler.failures()
    assert all(len(had) == 40 for had in seen.had.values())
    assert refusals(seen, denied) <= 40  # Ordered before the first refusal was known.


def test_a_slow_node_reads_if_the_fast_ones_may_not(checked: Checked) -> None:
    script = checked(Script())
    script.grow([40])
    for node, rate in (("n0", 1e9), ("n1", 1e9), ("slow", 5e7)):
        script.joins(node, traits=NodeTraits(down_bytes_per_s=rate, up_bytes_per_s=rate))
    refuse = denying({"n0", "n1"})
    last = 0.0

    def world(seen: Seen, node: str, assignment: Assignment) -> Failure | None:
        nonlocal last
        last = script.now
        return refuse(seen, node, assignment)

    seen = live(script, world)
    assert all(len(had) == 40 for had in seen.had.values())
    assert last < SchedulerSettings().rest_ceiling_s  # None of them had to try again.


def test_what_no_node_may_read_fails_on_all(checked: Checked) -> None:
    script = checked(Script.of_nodes(20, chunks=4))
    nodes = {f"n{number}" for number in range(20)}
    seen = live(script, denying(nodes))
    assert len(script.scheduler.failures()) == 20
    assert all(isinstance(each, AccessDeniedError) for each in script.scheduler.failures().values())
    assert refusals(seen, nodes) <= 8


def test_a_single_node_fails_at_once(checked: Checked) -> None:
    script = checked(Script.of_nodes(1, chunks=4))
    live(script, denying({"n0"}))
    assert list(script.scheduler.failures()) == [("n0", 0)]


def test_what_only_a_node_without_rights_wants_fails_there(checked: Checked) -> None:
    script = checked(Script())
    script.grow([2, 2])
    script.joins("a", wants=(0,))
    script.joins("b", wants=(1,))
    seen = live(script, denying({"a"}))
    assert list(script.scheduler.failures()) == [("a", 0)]
    assert seen.had["b"] == {2, 3}


def test_rights_that_end_in_the_middle_fail_all_soon(checked: Checked) -> None:
    settings = SchedulerSettings(download_slots=2)
    script = checked(Script.of_nodes(6, chunks=60, settings=settings))
    nodes = {f"n{number}" for number in range(6)}
    refuse = denying(nodes)

    def world(seen: Seen, node: str, assignment: Assignment) -> Failure | None:
        is_early = sum(map(len, seen.had.values())) < 60
        return None if is_early else refuse(seen, node, assignment)

    live(script, world)
    assert set(script.scheduler.failures()) == {(node, 0) for node in nodes}


def test_a_denied_node_reads_again_once_those_that_could_are_gone(checked: Checked) -> None:
    script = checked(Script.of_nodes(2, chunks=2))
    script.plan()
    for chunk, assignment in list(script.assignments["n0"].items()):
        if assignment.source is None:
            script.fails("n0", chunk, "origin", error=DENIED, final=True)
    script.plan()
    assert all(order.source is not None for order in script.assignments["n0"].values())
    script.is_lost("n1")
    script.now += SchedulerSettings().rest_ceiling_s
    script.plan()
    assert all(order.source is None for order in script.assignments["n0"].values())
