"""Failures of peers never fail an object that the origin or another holder can give.

Each row is a world: it says how each order ends. The swarm runs in it until no order is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from failing_world import Failure, Seen, World, live

from xfd_api.errors import (
    AccessDeniedError,
    ChecksumMismatchError,
    CredentialsError,
    DiskFullError,
    ObjectNotFoundError,
    OriginUnreachableError,
    PeerError,
    XfdError,
)
from xfd_scheduler.bounds import PEER_ATTEMPTS_FACTOR, SHARED_ATTEMPTS_FACTOR
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.testing.script import Assignment, Script

Checked = Callable[[Script], Script]
ATTEMPTS = SchedulerSettings().attempts

BROKE = Failure("peer", PeerError("The peer's body broke off"))
DOWN = Failure("origin", OriginUnreachableError("No answer"))


def of_peers(failure: Failure) -> World:
    return lambda _, __, assignment: failure if assignment.source is not None else None


def of_relays(seen: Seen, _: str, assignment: Assignment) -> Failure | None:
    return BROKE if seen.is_relay(assignment) else None


def first_of_pair(times: int) -> World:
    def world(seen: Seen, node: str, assignment: Assignment) -> Failure | None:
        is_early = seen.of_pair[node, assignment.source, assignment.chunk] < times
        return BROKE if assignment.source is not None and is_early else None

    return world


def first_of_node(times: int) -> World:
    def world(seen: Seen, node: str, assignment: Assignment) -> Failure | None:
        is_early = seen.of_node[node, assignment.chunk] < times
        return BROKE if assignment.source is not None and is_early else None

    return world


def at_random(peers: float, origin: float) -> World:
    def world(seen: Seen, _: str, assignment: Assignment) -> Failure | None:
        if assignment.source is not None:
            return BROKE if seen.random.random() < peers else None
        return DOWN if seen.random.random() < origin else None

    return world


def reads_break_below(times: int) -> World:
    """The first reads of each chunk break on any node, and with each all orders below it."""

    def world(seen: Seen, _: str, assignment: Assignment) -> Failure | None:
        if assignment.source is not None:
            return BROKE if seen.is_relay(assignment) else None
        reads = sum(
            count
            for (_, source, chunk), count in seen.of_pair.items()
            if source is None and chunk == assignment.chunk
        )
        return DOWN if reads < times else None

    return world


LASTING: dict[str, World] = {
    "every body from a peer breaks": of_peers(BROKE),
    "every peer is too slow": of_peers(Failure("peer", PeerError("The peer fell silent"))),
    "every peer has too many to serve": of_peers(
        Failure("peer", PeerError("The peer serves too many already"), retry_after_s=1.0)
    ),
    "every peer's source keeps it waiting": of_peers(
        Failure("peer", PeerError("The peer's own source kept it waiting"))
    ),
    "every peer's bytes are bad": of_peers(
        Failure("peer", ChecksumMismatchError("Other bytes"), bad_bytes=True)
    ),
    "every body from a relay breaks": of_relays,
    "reads break, with all orders below": reads_break_below(ATTEMPTS - 1),
    "each peer breaks once for each node": first_of_pair(1),
    "each peer breaks five times for each node": first_of_pair(5),
    f"the first {ATTEMPTS} orders break": first_of_node(ATTEMPTS),
    f"the first {5 * ATTEMPTS} orders break": first_of_node(5 * ATTEMPTS),
    "half of all break": at_random(0.5, 0.0),
    "nine of ten break": at_random(0.9, 0.0),
    "nine of ten break, and one read of five": at_random(0.9, 0.2),
}


@pytest.mark.parametrize("world", LASTING.values(), ids=LASTING.keys())
@pytest.mark.parametrize("nodes", [2, 5, 16])
@pytest.mark.parametrize("holders", [0, 1, 2])
def test_while_the_store_answers_every_object_lands(
    checked: Checked, world: World, nodes: int, holders: int
) -> None:
    script = checked(Script())
    script.grow([4])
    for index in range(holders):
        script.joins(f"holder{index}", held=(0, 1, 2, 3))
    for index in range(nodes):
        script.joins(f"n{index}")

    held = {f"holder{index}": {0, 1, 2, 3} for index in range(holders)}
    seen = live(script, world, held)

    assert not script.scheduler.failures()
    assert all(seen.had[f"n{index}"] == {0, 1, 2, 3} for index in range(nodes))
    # No node reads a chunk that it has, and none gives up before it read it.
    assert all(reads <= (nodes + holders) * ATTEMPTS for reads in script.origin_reads.values())


def test_after_a_few_peer_errors_peers_still_serve_all(checked: Checked) -> None:
    script = checked(Script())
    script.grow([4])
    script.joins("holder", held=(0, 1, 2, 3))
    for index in range(6):
        script.joins(f"n{index}")
    live(script, first_of_node(2))
    assert not script.scheduler.failures()
    assert script.origin_reads == {}


@pytest.mark.parametrize("breaks", [1, ATTEMPTS, 3 * ATTEMPTS])
def test_with_the_store_out_of_reach_a_holder_serves_in_the_end(
    checked: Checked, breaks: int
) -> None:
    def world(seen: Seen, node: str, assignment: Assignment) -> Failure | None:
        if assignment.source is None:
            return DOWN
        return BROKE if seen.of_pair[node, assignment.source, assignment.chunk] < breaks else None

    script = checked(Script())
    script.grow([2])
    script.joins("holder", held=(0, 1))
    script.joins("n0")
    seen = live(script, world)
    assert not script.scheduler.failures()
    assert seen.had["n0"] == {0, 1}


def test_with_the_store_out_of_reach_and_holders_that_never_serve_the_store_is_named(
    checked: Checked,
) -> None:
    script = checked(Script())
    script.grow([1])
    script.joins("holder", held=(0,))
    script.joins("n0")
    seen = live(script, lambda _, __, assignment: DOWN if assignment.source is None else BROKE)
    [(failed, error)] = script.scheduler.failures().items()
    assert failed == ("n0", 0)
    assert isinstance(error, OriginUnreachableError)
    # While the holder rests, the node tries the origin.
    assert seen.of_node["n0", 0] <= 2 * PEER_ATTEMPTS_FACTOR * ATTEMPTS


@pytest.mark.parametrize("nodes", [1, 2, 16])
def test_an_origin_out_of_reach_fails_the_object_everywhere_with_its_error(
    checked: Checked, nodes: int
) -> None:
    script = checked(Script.of_nodes(nodes, chunks=1))
    seen = live(script, lambda _, __, assignment: DOWN if assignment.source is None else BROKE)
    failures = script.scheduler.failures()
    assert set(failures) == {(f"n{index}", 0) for index in range(nodes)}
    assert all(isinstance(error, OriginUnreachableError) for error in failures.values())
    reads = sum(n for (_, source, __), n in seen.of_pair.items() if source is None)
    assert reads <= SHARED_ATTEMPTS_FACTOR * ATTEMPTS


@pytest.mark.parametrize(
    ("error", "reads"), [(ObjectNotFoundError, 1), (AccessDeniedError, 3), (CredentialsError, 3)]
)
def test_a_store_that_refuses_for_good_fails_it_at_once(
    error: type[XfdError], reads: int, checked: Checked
) -> None:
    refused = Failure("origin", error("No"), final=True)
    script = checked(Script.of_nodes(5, chunks=1))
    seen = live(script, lambda _, __, assignment: refused if assignment.source is None else BROKE)
    failures = script.scheduler.failures()
    assert len(failures) == 5
    assert all(isinstance(each, error) for each in failures.values())
    assert sum(n for (_, source, __), n in seen.of_pair.items() if source is None) == reads


def test_a_node_that_cannot_reach_the_origin_receives_all_from_peers(checked: Checked) -> None:
    def world(_: Seen, node: str, assignment: Assignment) -> Failure | None:
        return DOWN if assignment.source is None and node in ("n0", "n1") else None

    script = checked(Script.of_nodes(5, chunks=20))
    live(script, world)
    assert not script.scheduler.failures()


def test_a_node_s_own_fault_is_no_peer_s(checked: Checked) -> None:
    full = Failure("node", DiskFullError("No room"))
    script = checked(Script.of_nodes(3, chunks=1))
    live(script, lambda _, node, __: full if node == "n2" else None)
    assert set(script.scheduler.failures()) == {("n2", 0)}


def test_a_new_inventory_of_a_failed_object_starts_again(checked: Checked) -> None:
    script = checked(Script.of_nodes(1, chunks=1))
    live(script, lambda *_: DOWN)
    assert script.scheduler.failures()
    script.takes_inventory("n0")

    def world(seen: Seen, node: str, assignment: Assignment) -> Failure | None:
        return DOWN if seen.of_node[node, assignment.chunk] < ATTEMPTS - 1 else None

    live(script, world)
    assert not script.scheduler.failures()


def test_a_relay_that_passes_a_break_on_is_not_rested_for_all(checked: Checked) -> None:
    settings = SchedulerSettings(strikes=2)
    script = checked(Script.of_nodes(8, chunks=1, settings=settings))
    script.plan()
    relays = Counter(
        assignment.source for mine in script.assignments.values() for assignment in mine.values()
    )
    relay = next(node for node, below in relays.items() if node is not None and below >= 2)
    below = [n for n, mine in script.assignments.items() if mine and mine[0].source == relay]
    for node in below:
        script.fails(node, 0, "peer", error=BROKE.error)
    assert not script.scheduler._swarm.resting_peers
