"""Nodes that want different objects, as the ranks of a model do: what they share, they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from xfd_api.orders import Fetch
from xfd_scheduler.testing.script import Script

Checked = Callable[[Script], Script]

RANKS = 4
COMMON, SHARD = 24, 16
"""Chunks of the object that all ranks want, and of each rank's own."""


def ranks(checked: Checked, nodes: int) -> Script:
    """Nodes that want object 0, and the one of their rank: `n5` is of rank 1."""
    script = checked(Script())
    script.grow([COMMON] + [SHARD] * RANKS)
    for index in range(nodes):
        script.joins(f"n{index}", wants=(0, 1 + index % RANKS))
    return script


def chunks_of(rank: int) -> set[int]:
    first = COMMON + rank * SHARD
    return {*range(COMMON), *range(first, first + SHARD)}


def fetched(script: Script) -> dict[str, Counter[int]]:
    """How often each node was ordered to fetch each chunk."""
    counted: dict[str, Counter[int]] = {}
    for node, order in script.orders:
        if isinstance(order, Fetch):
            chunks = range(order.first_chunk, order.first_chunk + order.count)
            counted.setdefault(node, Counter()).update(chunks)
    return counted


def test_each_node_fetches_its_objects_and_each_chunk_leaves_the_origin_once(
    checked: Checked,
) -> None:
    script = ranks(checked, nodes=8)
    script.runs_to_the_end()
    for node, chunks in fetched(script).items():
        assert set(chunks) == chunks_of(int(node[1:]) % RANKS)
    assert set(script.origin_reads) == set(range(COMMON + RANKS * SHARD))
    assert set(script.origin_reads.values()) == {1}


def test_a_source_of_a_chunk_wants_it_too(checked: Checked) -> None:
    script = ranks(checked, nodes=12)
    script.runs_to_the_end()
    for node, order in script.orders:
        if isinstance(order, Fetch) and order.source is not None:
            chunks = set(range(order.first_chunk, order.first_chunk + order.count))
            assert chunks <= chunks_of(int(order.source[1:]) % RANKS), (node, order)


def test_nodes_of_one_object_alone_read_it_themselves(checked: Checked) -> None:
    script = ranks(checked, nodes=RANKS)
    script.runs_to_the_end()
    reads: Counter[int] = Counter()
    for node, order in script.orders:
        if isinstance(order, Fetch) and order.source is None:
            rank = int(node[1:])
            own = set(range(order.first_chunk, order.first_chunk + order.count))
            reads[rank] += len(own - set(range(COMMON)))
    assert reads == dict.fromkeys(range(RANKS), SHARD)


def test_a_node_that_joins_takes_its_share_from_its_rank(checked: Checked) -> None:
    script = ranks(checked, nodes=RANKS)
    script.runs_to_the_end()
    known = len(script.orders)
    script.joins("n9", wants=(0, 1 + 9 % RANKS))
    script.runs_to_the_end()
    late = [order for node, order in script.orders[known:] if isinstance(order, Fetch)]
    assert all(order.source is not None for order in late)
    own = {c for order in late for c in range(order.first_chunk, order.first_chunk + order.count)}
    assert own == chunks_of(9 % RANKS)


def test_nodes_that_read_for_themselves_alone_read_alike(checked: Checked) -> None:
    script = checked(Script())
    script.grow([200] * RANKS)
    for index in range(RANKS):
        script.joins(f"n{index}", wants=(index,))
    for _ in range(4):
        script.plan()
        open_orders = [len(mine) for mine in script.assignments.values()]
        assert min(open_orders) >= max(open_orders) - 1
        script.exchanges()
