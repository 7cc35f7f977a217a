"""Whatever happens in whatever order, the indexes stay right and every node finishes.

The test runs a few scripts. After a change of the policy, run many, with a seed of your own:

    python packages/xfd-scheduler/tests/test_any_order_of_events.py --scripts 10000 --seed 7
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from swarm_model import Model

from xfd_api.errors import (
    AccessDeniedError,
    ChecksumMismatchError,
    DiskFullError,
    ObjectNotFoundError,
    PeerError,
)
from xfd_api.ids import NodeId
from xfd_api.orders import Order
from xfd_scheduler.events import Event, NodeTraits
from xfd_scheduler.scheduler import Scheduler, SchedulerSettings
from xfd_scheduler.testing.script import Script

SETTINGS = st.builds(
    SchedulerSettings,
    download_slots=st.sampled_from([1, 3]),
    upload_slots=st.sampled_from([2, 4]),
    origin_slots=st.sampled_from([2, 7]),
    fan_out=st.just(2),
    attempts=st.just(6),
    queue_s=st.just(0.01),
    report_interval_s=st.just(0.01),
    assumed_bytes_per_s=st.just(1e9),
    relay=st.booleans(),
    origin_policy=st.sampled_from(["once-per-cluster", "once-per-zone"]),
)
RATES = st.sampled_from([None, 1e8, 1e9])


class Remembering(Scheduler):
    """A scheduler that remembers its events and its orders."""

    def __init__(self, settings: SchedulerSettings, *, seed: int) -> None:
        super().__init__(settings, seed=seed)
        self.inputs: list[tuple[Event | None, float]] = []
        self.ordered: list[dict[NodeId, list[Order]]] = []

    def handle(self, event: Event, now: float) -> None:
        self.inputs.append((event, now))
        super().handle(event, now)

    def plan(self, now: float) -> dict[NodeId, list[Order]]:
        self.inputs.append((None, now))
        self.ordered.append(super().plan(now))
        return self.ordered[-1]


class Swarm(RuleBasedStateMachine):
    nodes = Bundle("nodes")
    ends = hashlib.sha256()
    """Digest of the orders of all scripts so far."""

    @initialize(
        chunks=st.lists(st.integers(0, 9), min_size=1, max_size=3),
        chosen=SETTINGS,
        copies=st.sampled_from([1, 1, 2]),
        zones=st.integers(1, 3),
        seed=st.integers(0, 3),
    )
    def start(
        self, chunks: list[int], chosen: SchedulerSettings, copies: int, zones: int, seed: int
    ) -> None:
        if chosen.origin_policy == "once-per-cluster":
            object.__setattr__(chosen, "origin_copies", copies)
        self.seed = seed
        self.zones = zones
        self.settings = chosen
        self.model = Model(chosen, self.siblings)
        self.script = Script(chosen, seed=seed)
        self.scheduler = self.script.scheduler = Remembering(chosen, seed=seed)
        self.count = 0
        self.script.grow(chunks)

    def chunks_of(self, item: int) -> list[int]:
        return self.scheduler._swarm.catalog.chunks_of[item]

    def siblings(self, chunk: int) -> list[int]:
        (item,) = self.scheduler._swarm.catalog.objects_of[chunk]
        return self.chunks_of(item)

    def plan(self) -> None:
        banned = {
            str(member.id)
            for member in self.scheduler._swarm.members.values()
            if self.scheduler._swarm.banned & member.bit
        }
        self.model.planned(self.script.plan(), banned, self.script.now)

    @rule(
        target=nodes,
        held=st.sets(st.integers(0, 8)),
        rest=st.integers(0, 3),
        down=RATES,
        up=RATES,
    )
    def joins(self, held: set[int], rest: int, down: float | None, up: float | None) -> str:
        name = f"n{self.count}"
        zone = str(self.count % self.zones)
        self.count += 1
        objects, chunks = self.scheduler.catalog_size()
        mine = tuple(sorted(chunk for chunk in held if chunk < chunks and rest == 0))
        wants = tuple(range(objects))[rest // 3 :]
        self.model.joined(name, zone, mine)
        self.script.joins(name, wants=wants, held=mine, traits=NodeTraits(zone, down, up))
        return name

    @rule()
    def is_starting(self) -> None:
        """The next node to join, if one does."""
        self.script.starts(f"n{self.count}")

    @rule(node=consumes(nodes))
    def is_lost(self, node: str) -> None:
        self.model.lost(node)
        self.script.is_lost(node)

    @rule(node=nodes, again=st.booleans())
    def is_silent(self, node: str, again: bool) -> None:
        self.model.is_silent(node, again=again)
        if again:
            self.script.is_heard(node)
        else:
            self.script.falls_silent(node)

    @rule(count=st.integers(0, 4))
    def grows(self, count: int) -> None:
        self.script.grow([count])
        objects, _ = self.scheduler.catalog_size()
        for node in self.script.assignments:
            self.script.takes_inventory(node, wants=(objects - 1,))

    @rule()
    def plans(self) -> None:
        self.plan()

    @rule(node=nodes, count=st.integers(1, 6))
    def carries_out(self, node: str, count: int) -> None:
        mine = list(self.script.assignments[node])[:count]
        for chunk in mine:
            self.model.held(node, chunk, wrong=False)
        if mine:
            self.script.holds(node, *mine)

    @rule(
        node=nodes,
        at_node=st.booleans(),
        final=st.integers(0, 9),
        bad=st.booleans(),
        wait=st.sampled_from([None, 0.1, 3.0]),
        seconds=st.sampled_from([0.1, 6.0]),
        denied=st.booleans(),
    )
    def fails(
        self,
        node: str,
        at_node: bool,
        final: int,
        bad: bool,
        wait: float | None,
        seconds: float,
        denied: bool,
    ) -> None:
        for chunk, assignment in list(self.script.assignments[node].items())[:1]:
            fault = "node" if at_node else "origin" if assignment.source is None else "peer"
            bad_bytes = bad and fault == "peer"
            is_final = final == 0 and fault != "peer"
            error = {
                "origin": AccessDeniedError("403") if denied else ObjectNotFoundError("404"),
                "peer": ChecksumMismatchError("Bad") if bad_bytes else PeerError("Reset"),
                "node": DiskFullError("No room"),
            }[fault]
            self.model.failed(node, chunk, bad_bytes=bad_bytes, final=is_final)
            self.script.fails(
                node,
                chunk,
                fault,  # type: ignore[arg-type]
                error=error,
                bad_bytes=bad_bytes,
                final=is_final,
                retry_after_s=wait,
                seconds=seconds,
            )

    @rule(node=nodes)
    def reports_a_wrong_checksum(self, node: str) -> None:
        for chunk in list(self.script.assignments[node])[:1]:
            self.model.held(node, chunk, wrong=True)
            self.script.holds(node, chunk, crc=0xBAD)

    @rule(node=nodes, chunk=st.integers(0, 8))
    def loses_a_copy(self, node: str, chunk: int) -> None:
        if chunk < self.scheduler.catalog_size()[1] and chunk not in self.script.assignments[node]:
            self.plan()
            self.model.gone(node, chunk)
            self.script.loses(node, chunk)
            self.plan()

    @rule(node=nodes, suspect=st.booleans(), item=st.integers(0, 4))
    def cannot_land(self, node: str, suspect: bool, item: int) -> None:
        if item < self.scheduler.catalog_size()[0]:
            self.model.excused.update(self.chunks_of(item))
            error = ChecksumMismatchError("Whole object")
            self.script.cannot_land(node, item, error, chunks_suspect=suspect)

    @rule(node=nodes, item=st.integers(0, 4))
    def lands(self, node: str, item: int) -> None:
        if item < self.scheduler.catalog_size()[0]:
            self.script.lands(node, item)

    @rule(item=st.integers(0, 4))
    def releases(self, item: int) -> None:
        if item < self.scheduler.catalog_size()[0]:
            self.model.forgotten(self.chunks_of(item))
            self.script.releases(item)

    @rule()
    def time_passes(self) -> None:
        self.script.waits()

    @rule(seconds=st.sampled_from([0.02, 1.0, 30.0]))
    def nothing_happens(self, seconds: float) -> None:
        self.script.now += seconds

    @invariant()
    def the_indexes_are_right(self) -> None:
        self.scheduler.check_invariants()

    def teardown(self) -> None:
        for node in list(self.script.assignments):
            self.is_silent(node, again=True)  # Or else it is lost.
        for _ in range(2000):
            self.plan()
            busy = [node for node, mine in self.script.assignments.items() if mine]
            if not busy and not self.script.waits():
                break
            for node in busy:
                for chunk in self.script.assignments[node]:
                    self.model.held(node, chunk, wrong=False)
                self.script.holds(node)
            self.script.now += 0.05
        else:
            raise AssertionError("the swarm is still busy")
        self.scheduler.check_invariants()
        assert not any(self.scheduler.open_chunks().values())
        self._is_the_same_again()
        Swarm.ends.update(repr(self.scheduler.ordered).encode())

    def _is_the_same_again(self) -> None:
        again = Scheduler(self.settings, seed=self.seed)
        ordered = iter(self.scheduler.ordered)
        for event, now in self.scheduler.inputs:
            if event is None:
                assert again.plan(now) == next(ordered)
            else:
                again.handle(event, now)


SCRIPTS = settings(
    max_examples=150,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
Swarm.TestCase.settings = SCRIPTS
TestSwarm = Swarm.TestCase


def digest_of_scripts() -> str:
    """Digest of the orders of scripts that are the same in every process."""
    Swarm.ends = hashlib.sha256()
    few = settings(SCRIPTS, max_examples=25, derandomize=True, database=None)
    run_state_machine_as_test(Swarm, settings=few)
    return Swarm.ends.hexdigest()


def test_the_same_scripts_give_the_same_orders_in_another_process() -> None:
    """Strings hash differently there: no choice may depend on the order of a set of ids."""
    program = "import test_any_order_of_events as scripts; print(scripts.digest_of_scripts())"
    digests = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parent,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert digests[0] == digests[1] == f"{digest_of_scripts()}\n"


def main() -> None:
    """Runs many scripts. One that fails is made as short as possible, and raised."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--scripts", type=int, default=1000, help="how many; default: 1000")
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same scripts")
    parsed = parser.parse_args()
    many = settings(SCRIPTS, max_examples=parsed.scripts, database=None)
    run_state_machine_as_test(seed(parsed.seed)(Swarm), settings=many)
    print(f"{parsed.scripts} scripts passed; digest of their orders {Swarm.ends.hexdigest()[:16]}")


if __name__ == "__main__":
    main()
