"""A node that lies to its peers: a real worker, whose peer server is behind a `faulty_proxy`.

    node = cluster.add_node(env=lying_peer.environment(folder))
    lying_peer.tell(folder, "flip")

A process of such a node imports `sitecustomize` from `folder`, which replaces the address that its
worker gives the coordinator. So peers are ordered to fetch there, with the swarm's token.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from xfd_testing.faults import (
    Alter,
    Break,
    Drip,
    Endless,
    Fault,
    Flip,
    Hang,
    HttpRequest,
    Refuse,
    Shorten,
)
from xfd_testing.faulty_proxy import FaultyProxy

VARIABLE = "XFD_TEST_LIES"


def _other_checksum(head: bytes) -> bytes:
    return re.sub(rb"(?i)(x-xfd-crc64: )[0-9a-f]{16}", rb"\g<1>0123456789abcdef", head)


LIES: dict[str, Fault] = {
    "flip": Flip(at=1000),
    "short": Shorten(by=1000),
    "cut": Break(after=1000),
    "endless": Endless(),
    "silent": Hang(after=1000),
    "slow": Drip(pause_s=0.05),
    "other-checksum": Alter(_other_checksum),
    "absent": Refuse(404, "NoSuchKey"),
}
"""What a peer does to each answer that it gives, by a name."""


def environment(folder: Path) -> dict[str, str]:
    """Variables of a node that lies as `tell` says; writes what its processes import."""
    (folder / "sitecustomize.py").write_text(
        "from xfd_testing import lying_peer\n\nlying_peer.install()\n"
    )
    tell(folder, "")
    return {"PYTHONPATH": str(folder), VARIABLE: str(folder)}


def tell(folder: Path, lie: str) -> None:
    """From now on the node tells this lie; none if it is empty. Forgets whom it was told."""
    (folder / "lie").write_text(lie)
    (folder / "told").write_text("")


def told(folder: Path) -> int:
    """How many answers were lies."""
    return len((folder / "told").read_text())


def install() -> None:
    """Has the worker of this process, if it becomes one, give the address of the proxy."""
    from xfd_ray.worker.node_worker import NodeWorker
    from xfd_ray.worker_api import Hello

    folder = Path(os.environ[VARIABLE])
    start = NodeWorker._start

    def rule(request: HttpRequest) -> Fault | None:
        lie = (folder / "lie").read_text()
        if not lie or not request.is_of_bytes:
            return None
        with (folder / "told").open("a") as file:
            file.write("x")
        return LIES[lie]

    async def start_and_lie(self: NodeWorker) -> Hello:
        hello = await start(self)
        proxy = FaultyProxy(f"http://{hello.peer_address}")
        proxy.rule = rule
        proxy.come_back()
        return replace(hello, peer_address=proxy.endpoint.removeprefix("http://"))

    NodeWorker._start = start_and_lie  # type: ignore[method-assign]
