"""Who sends to slow nodes."""

from __future__ import annotations

from xfd_scheduler.selection import least_promised


def test_slow_nodes_send_to_each_other_as_much_as_their_links_carry() -> None:
    clocks = dict.fromkeys(range(10), 0.0)
    seconds = {0: 1.0, 1: 1.0} | dict.fromkeys(range(2, 10), 4.0)
    given = least_promised([0, 1], range(2, 10), clocks, seconds.__getitem__, lambda _: 1)
    assert given[0] == 0
    assert any(source >= 2 for source in given)
    assert all(source < node for node, source in enumerate(given, 2))
