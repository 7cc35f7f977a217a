"""Deaths of a worker's process count if its node outlived them."""

from __future__ import annotations

from xfd_pipelines.adapters.worker_starts import WorkerStart, next_start


def test_a_first_start_has_no_deaths() -> None:
    assert next_start(None, stage="S", node="a", node_lives=lambda _: True) == WorkerStart("S", "a")


def test_a_process_that_died_on_a_living_node_counts_on_any_node_that_it_starts_again() -> None:
    start: WorkerStart | None = None
    for node in ("a", "a", "b"):
        start = next_start(start, stage="S", node=node, node_lives=lambda _: True)
    assert start == WorkerStart("S", "b", "setup", deaths=2)


def test_a_process_that_died_with_its_node_does_not_count() -> None:
    start = WorkerStart("S", "lost", "process_data", deaths=1)
    after = next_start(start, stage="S", node="b", node_lives=lambda node: node != "lost")
    assert after == WorkerStart("S", "b", "process_data", deaths=1)
