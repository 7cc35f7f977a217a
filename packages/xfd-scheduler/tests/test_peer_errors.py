"""What peers do to a node's requests never fails an object: the store has it, or another holder.

Each row is a world: what becomes of an order. The swarm lives in it until nobody has an order left.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from xfd_api.errors import (
    AccessDeniedError,
    ChecksumMismatchError,
    DiskFullError,
    OriginUnreachableError,
    PeerError,
    XfdError,
)
from xfd_api.reports import Fault
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.testing.script import Errand, Story
from xfd_scheduler.tuning import PEER_ATTEMPTS_FACTOR, SHARED_ATTEMPTS_FACTOR

Told = Callable[[Story], Story]
ATTEMPTS = SchedulerSettings().attempts


@dataclass(frozen=True)
class Failure:
    fault: Fault
    error: XfdError
    final: bool = False
    bad_bytes: bool = False
    retry_after_s: float | None = None


@dataclass
class Seen:
    """What a world knows when it decides: the story so far, and how often it was asked before."""

    story: Story
    had: dict[str, set[int]]
    of_node: Counter[tuple[str, int]] = field(default_factory=Counter)
    of_pair: Counter[tuple[str, str | None, int]] = field(default_factory=Counter)
    random: random.Random = field(default_factory=lambda: random.Random(7))

    def is_relay(self, errand: Errand) -> bool:
        """Whether the order's source has not got the chunk itself."""
        return errand.source is not None and errand.chunk not in self.had[errand.source]


World = Callable[[Seen, str, Errand], Failure | None]

BROKE = Failure("peer", PeerError("The peer's body broke off"))
DOWN = Failure("origin", OriginUnreachableError("No answer"))


def live(
    story: Story, world: World, held: dict[str, set[int]] | None = None, steps: int = 3000
) -> Seen:
    """Every order comes to what the world says, until there is none left."""
    seen = Seen(story, {str(node): set() for node in story.errands})
    for node, chunks in (held or {}).items():
        seen.had[node] |= chunks
    for _ in range(steps):
        story.plan()
        busy = [(node, dict(mine)) for node, mine in story.errands.items() if mine]
        for node, mine in busy:
            for chunk, errand in mine.items():
                if story.errands[node].get(chunk) is not errand:
                    continue  # Cancelled by what another report said.
                failure = world(seen, node, errand)
                seen.of_node[node, chunk] += 1
                seen.of_pair[node, errand.source, chunk] += 1
                if failure is None:
                    seen.had[node].add(chunk)
                    story.holds(node, chunk)
                    continue
                story.fails(
                    node,
                    chunk,
                    failure.fault,
                    error=failure.error,
                    final=failure.final,
                    bad_bytes=failure.bad_bytes,
                    retry_after_s=failure.retry_after_s,
                )
            story.plan()
        story.now += 0.05
        if not busy:
            if story.scheduler.next_wakeup() is None:
                return seen
            story.waits()
    raise AssertionError(f"the swarm is still busy; {story.scheduler.failures()}")


def of_peers(failure: Failure) -> World:
    return lambda _, __, errand: failure if errand.source is not None else None


def of_relays(seen: Seen, _: str, errand: Errand) -> Failure | None:
    return BROKE if seen.is_relay(errand) else None


def first_of_pair(times: int) -> World:
    def world(seen: Seen, node: str, errand: Errand) -> Failure | None:
        is_early = seen.of_pair[node, errand.source, errand.chunk] < times
        return BROKE if errand.source is not None and is_early else None

    return world


def first_of_node(times: int) -> World:
    def world(seen: Seen, node: str, errand: Errand) -> Failure | None:
        is_early = seen.of_node[node, errand.chunk] < times
        return BROKE if errand.source is not None and is_early else None

    return world


def at_random(peers: float, origin: float) -> World:
    def world(seen: Seen, _: str, errand: Errand) -> Failure | None:
        if errand.source is not None:
            return BROKE if seen.random.random() < peers else None
        return DOWN if seen.random.random() < origin else None

    return world


def reads_break_below(times: int) -> World:
    """The first reads of each chunk break, whoever reads, and with each all who wait below."""

    def world(seen: Seen, _: str, errand: Errand) -> Failure | None:
        if errand.source is not None:
            return BROKE if seen.is_relay(errand) else None
        reads = sum(
            count
            for (_, source, chunk), count in seen.of_pair.items()
            if source is None and chunk == errand.chunk
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
    "reads that break, with all below": reads_break_below(ATTEMPTS - 1),
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
    told: Told, world: World, nodes: int, holders: int
) -> None:
    story = told(Story())
    story.grow([4])
    for index in range(holders):
        story.joins(f"holder{index}", held=(0, 1, 2, 3))
    for index in range(nodes):
        story.joins(f"n{index}")

    held = {f"holder{index}": {0, 1, 2, 3} for index in range(holders)}
    seen = live(story, world, held)

    assert not story.scheduler.failures()
    assert all(seen.had[f"n{index}"] == {0, 1, 2, 3} for index in range(nodes))
    # No node reads a chunk that it has, and none gives up before it has read it.
    assert all(reads <= (nodes + holders) * ATTEMPTS for reads in story.origin_reads.values())


def test_a_peer_error_or_two_is_mended_by_peers_alone(told: Told) -> None:
    story = told(Story())
    story.grow([4])
    story.joins("holder", held=(0, 1, 2, 3))
    for index in range(6):
        story.joins(f"n{index}")
    live(story, first_of_node(2))
    assert not story.scheduler.failures()
    assert story.origin_reads == {}


@pytest.mark.parametrize("breaks", [1, ATTEMPTS, 3 * ATTEMPTS])
def test_with_the_store_out_of_reach_a_holder_serves_in_the_end(told: Told, breaks: int) -> None:
    def world(seen: Seen, node: str, errand: Errand) -> Failure | None:
        if errand.source is None:
            return DOWN
        return BROKE if seen.of_pair[node, errand.source, errand.chunk] < breaks else None

    story = told(Story())
    story.grow([2])
    story.joins("holder", held=(0, 1))
    story.joins("n0")
    seen = live(story, world)
    assert not story.scheduler.failures()
    assert seen.had["n0"] == {0, 1}


def test_with_the_store_out_of_reach_and_holders_that_never_serve_the_store_is_named(
    told: Told,
) -> None:
    story = told(Story())
    story.grow([1])
    story.joins("holder", held=(0,))
    story.joins("n0")
    seen = live(story, lambda _, __, errand: DOWN if errand.source is None else BROKE)
    [(where, error)] = story.scheduler.failures().items()
    assert where == ("n0", 0)
    assert isinstance(error, OriginUnreachableError)
    # While the holder rests, the store is asked whether it is back.
    assert seen.of_node["n0", 0] <= 2 * PEER_ATTEMPTS_FACTOR * ATTEMPTS


@pytest.mark.parametrize("nodes", [1, 2, 16])
def test_a_store_out_of_reach_fails_the_object_everywhere_by_the_store_s_error(
    told: Told, nodes: int
) -> None:
    story = told(Story.of_nodes(nodes, chunks=1))
    seen = live(story, lambda _, __, errand: DOWN if errand.source is None else BROKE)
    failures = story.scheduler.failures()
    assert set(failures) == {(f"n{index}", 0) for index in range(nodes)}
    assert all(isinstance(error, OriginUnreachableError) for error in failures.values())
    reads = sum(n for (_, source, __), n in seen.of_pair.items() if source is None)
    assert reads <= SHARED_ATTEMPTS_FACTOR * ATTEMPTS


def test_a_store_that_refuses_for_good_fails_it_at_once(told: Told) -> None:
    denied = Failure("origin", AccessDeniedError("No"), final=True)
    story = told(Story.of_nodes(5, chunks=1))
    seen = live(story, lambda _, __, errand: denied if errand.source is None else BROKE)
    failures = story.scheduler.failures()
    assert len(failures) == 5
    assert all(isinstance(error, AccessDeniedError) for error in failures.values())
    assert sum(n for (_, source, __), n in seen.of_pair.items() if source is None) == 1


def test_a_node_whose_own_path_to_the_store_is_broken_gets_it_from_others(told: Told) -> None:
    def world(_: Seen, node: str, errand: Errand) -> Failure | None:
        return DOWN if errand.source is None and node in ("n0", "n1") else None

    story = told(Story.of_nodes(5, chunks=20))
    live(story, world)
    assert not story.scheduler.failures()


def test_a_node_s_own_fault_is_no_peer_s(told: Told) -> None:
    full = Failure("node", DiskFullError("No room"))
    story = told(Story.of_nodes(3, chunks=1))
    live(story, lambda _, node, __: full if node == "n2" else None)
    assert set(story.scheduler.failures()) == {("n2", 0)}


def test_who_wants_a_failed_object_again_begins_anew(told: Told) -> None:
    story = told(Story.of_nodes(1, chunks=1))
    live(story, lambda *_: DOWN)
    assert story.scheduler.failures()
    story.asks("n0")

    def world(seen: Seen, node: str, errand: Errand) -> Failure | None:
        return DOWN if seen.of_node[node, errand.chunk] < ATTEMPTS - 1 else None

    live(story, world)
    assert not story.scheduler.failures()


def test_a_relay_that_passes_a_break_on_is_not_rested_for_all(told: Told) -> None:
    settings = SchedulerSettings(strikes=2)
    story = told(Story.of_nodes(8, chunks=1, settings=settings))
    story.plan()
    relays = Counter(errand.source for mine in story.errands.values() for errand in mine.values())
    relay = next(node for node, below in relays.items() if node is not None and below >= 2)
    below = [n for n, mine in story.errands.items() if mine and mine[0].source == relay]
    for node in below:
        story.fails(node, 0, "peer", error=BROKE.error)
    assert not story.scheduler._swarm.resting_peers
