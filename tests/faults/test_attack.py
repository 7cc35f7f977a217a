"""A swarm whose nodes strangers attack all the time, beside the same one left alone.

The nodes' links are limited, so that the two are compared by what the links carry: the processors
of one host, which has the attackers too, are none of the limits.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import ray

import xfd_ray
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_api.settings import NodeSettings
from xfd_api.stores import ObjectStoreConfig
from xfd_testing import artifacts, figures, ray_cluster
from xfd_testing.processes import free_ports, listens
from xfd_testing.ray_cluster import RayCluster

MIB = 2**20
NODES = 4
SIZE = 64 * MIB
LINK = NodeSettings(download_bytes_per_s=6 * MIB, upload_bytes_per_s=12 * MIB)
PER_S = 400.0
"""Connections in each second, over all nodes: more would take the cores of a small host."""

MOST = 1.2
"""Times as long as without an attack, at most."""


def peer_ports() -> tuple[int, int]:
    """A range of ports that are free, with one more than nodes."""
    known = sorted(free_ports(200))
    runs = zip(known, known[NODES:], strict=False)
    return next((first, last) for first, last in runs if last - first == NODES)


@contextmanager
def attacked(ports: tuple[int, int]) -> Iterator[None]:
    """Strangers at the ports on which somebody listens, at two addresses, one of them a node's."""
    host = ray.nodes()[0]["NodeManagerAddress"]  # All nodes are on this host.
    open_ports = [port for port in range(ports[0], ports[1] + 1) if listens(host, port)]
    assert len(open_ports) >= NODES
    attackers = [
        subprocess.Popen(
            [sys.executable, "-m", "xfd_testing.attackers", source, str(PER_S / 2), host]
            + [str(port) for port in open_ports],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for source in (host, "127.0.0.9")
    ]
    try:
        yield
    finally:
        made = [json.loads(each.communicate(timeout=30)[0]) for each in attackers]
    assert all(min(each.values()) > 0 for each in made), made


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster.connected(NODES) as running:
        yield running


def took_s(
    cluster: RayCluster, store: Path, name: str, ports: tuple[int, int], *, tls: bool
) -> float:
    """How long an object takes that is new to all nodes, which read it once from its store."""
    wanted = [DownloadRequest(ObjectDownloadRequest(name, Path("attacked", name)))]
    report = xfd_ray.download_distributed(
        wanted,
        ObjectStoreConfig.make_for_local(store),
        node_settings=LINK,
        peer_ports=ports,
        peer_tls=tls,
        keep_s=600,
        durability="none",
    )
    assert [node.state for node in report.nodes] == ["done"] * NODES
    for root in cluster.roots:
        assert (root / "attacked" / name).read_bytes() == (store / name).read_bytes()
    return report.elapsed_s


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_swarm_under_attack(cluster: RayCluster, tmp_path: Path, rounds: int, tls: bool) -> None:
    ports = peer_ports()
    ratios = []
    for place in range(-1, rounds):
        times = []
        # In turns; the first one starts the workers and does not count.
        for is_attacked in (False, True) if place % 2 else (True, False):
            name = f"{place}-{is_attacked}"
            size = SIZE if place >= 0 else MIB
            content = b"".join(artifacts.random_bytes(size, seed=2 * place + is_attacked))
            (tmp_path / name).write_bytes(content)
            if is_attacked and place >= 0:
                with attacked(ports):
                    times.append((is_attacked, took_s(cluster, tmp_path, name, ports, tls=tls)))
            else:
                times.append((is_attacked, took_s(cluster, tmp_path, name, ports, tls=tls)))
        if place >= 0:
            (_, alone), (_, under) = sorted(times)
            print(f"{alone:.2f} s alone, {under:.2f} s under attack")
            ratios.append(under / alone)
    for root in cluster.roots:
        shutil.rmtree(root / "attacked")
    middle = statistics.median(ratios)
    figures.record(
        "attacked-tls" if tls else "attacked",
        f"{middle:.2f} x the time ({min(ratios):.2f} to {max(ratios):.2f}, {rounds} pairs)",
    )
    assert middle <= MOST
