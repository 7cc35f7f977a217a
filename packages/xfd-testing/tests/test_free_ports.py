"""Ports for servers of tests that run side by side."""

from __future__ import annotations

import subprocess
import sys

from xfd_testing.processes import OUTSIDE, SHARES, free_ports

_FIND = "from xfd_testing.processes import free_ports; print(*free_ports(20)); input()"


def test_ports_are_different_and_free() -> None:
    ports = free_ports(30)
    assert len(set(ports)) == 30
    assert set(ports) <= set(OUTSIDE)


def test_processes_that_run_at_the_same_time_look_among_different_ports() -> None:
    others = [
        subprocess.Popen(
            [sys.executable, "-c", _FIND], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    size = len(OUTSIDE) // SHARES
    shares = {(free_ports(1)[0] - OUTSIDE.start) // size}
    for other in others:
        assert other.stdout is not None
        found = {(int(port) - OUTSIDE.start) // size for port in other.stdout.readline().split()}
        assert len(found) == 1
        shares |= found
    for other in others:
        other.communicate("\n")
    assert len(shares) == 4
