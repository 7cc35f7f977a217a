"""Deaths of a worker's process count where its node outlived them."""

from __future__ import annotations

from xfd_pipelines.adapters.lives import Life, begin


def test_a_first_start_has_no_deaths() -> None:
    assert begin(None, stage="S", node="a", node_lives=lambda _: True) == Life("S", "a")


def test_a_process_that_died_on_a_living_node_counts_wherever_it_starts_again() -> None:
    life: Life | None = None
    for node in ("a", "a", "b"):
        life = begin(life, stage="S", node=node, node_lives=lambda _: True)
    assert life == Life("S", "b", "setup", deaths=2)


def test_a_process_that_died_with_its_node_does_not_count() -> None:
    life = Life("S", "lost", "process_data", deaths=1)
    after = begin(life, stage="S", node="b", node_lives=lambda node: node != "lost")
    assert after == Life("S", "b", "process_data", deaths=1)
