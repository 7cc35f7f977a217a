"""One node fetches a file from another one, both in this process.

`python -m benchmarks.dataplane.peer_pair FILE FOLDER CHUNK_BYTES plain|tls` prints one JSON
document: seconds of the processors for both nodes, and of the clock, from the first order to the
last byte.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from pathlib import Path

from xfd_api.catalog import build_catalog
from xfd_api.chunks import Catalog
from xfd_api.ids import ChunkIndex, NodeId, OrderId, SwarmId
from xfd_api.lookups import plan_downloads
from xfd_api.orders import Fetch, MeetPeers
from xfd_api.profiles import ObjectStoreConfigByProfile, by_profile
from xfd_api.reports import ObjectLanded
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_api.settings import Durability, NodeSettings, SwarmTicket
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import Node
from xfd_dataplane.peer_authority import PeerAuthority

SENDER, RECEIVER = NodeId("sender"), NodeId("receiver")


def fetch(
    node: Node,
    swarm: SwarmId,
    catalog: Catalog,
    stores: ObjectStoreConfigByProfile,
    source: NodeId | None,
) -> None:
    """Brings all of the catalog to a node."""
    node.extend(swarm, catalog, stores)
    node.submit(swarm, [Fetch(OrderId(0), ChunkIndex(0), len(catalog.chunks), source=source)])
    while not any(isinstance(event, ObjectLanded) for event in node.poll(swarm, 1.0)):
        pass


def main(file: Path, folder: Path, chunk_bytes: int, *, tls: bool) -> None:
    """Fetches the file to one node, and from there to the other."""
    stores = by_profile(ObjectStoreConfig.make_for_local(file.parent))
    request = ObjectDownloadRequest(file.name, Path("served"))
    lookups = plan_downloads([DownloadRequest(request)], stores).lookups
    swarm, token = SwarmId(secrets.token_hex(16)), secrets.token_hex(32)
    authority = PeerAuthority(swarm) if tls else None
    nodes = {}
    for name in (SENDER, RECEIVER):
        nodes[name] = Node(name, NodeSettings(root=str(folder / name)))
        identity = authority.issue(name) if authority else None
        nodes[name].join(SwarmTicket(swarm, token, Durability.NONE, identity))
    sender, receiver = nodes[SENDER], nodes[RECEIVER]
    address = sender.serve("127.0.0.1", None)
    found = sender.find_objects(lookups, stores)
    catalog = build_catalog(lookups, found, chunk_size_bytes=chunk_bytes)
    fetch(sender, swarm, catalog, stores, None)
    receiver.submit(swarm, [MeetPeers(((SENDER, address),))])
    cpu_s, began = time.process_time(), time.perf_counter()
    fetch(receiver, swarm, catalog, stores, SENDER)
    took = {"cpu_s": time.process_time() - cpu_s, "wall_s": time.perf_counter() - began}
    print(json.dumps(took))
    for node in nodes.values():
        node.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), tls=sys.argv[4] == "tls")
