"""A node that holds one file and serves its chunks, until its standard input ends.

`python -m benchmarks.dataplane.serving_node FILE ROOT CHUNK_BYTES` prints one JSON document: the
address, the swarm, the token and the number of chunks.
"""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path

from xfd_api.catalog import build_catalog
from xfd_api.ids import ChunkIndex, NodeId, OrderId, SwarmId
from xfd_api.lookups import plan_downloads
from xfd_api.orders import Fetch
from xfd_api.profiles import by_profile
from xfd_api.reports import ObjectLanded
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_api.settings import Durability, NodeSettings, SwarmTicket
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import Node


def main(file: Path, root: Path, chunk_bytes: int) -> None:
    """Fetches the file to the root, and serves it."""
    stores = by_profile(ObjectStoreConfig.make_for_local(file.parent))
    request = ObjectDownloadRequest(file.name, Path("served"))
    lookups = plan_downloads([DownloadRequest(request)], stores).lookups
    swarm, token = SwarmId(secrets.token_hex(16)), secrets.token_hex(32)
    node = Node(NodeId("server"), NodeSettings(root=str(root)))
    address = node.serve("127.0.0.1", None)
    node.join(SwarmTicket(swarm, token, Durability.NONE))
    catalog = build_catalog(
        lookups, node.find_objects(lookups, stores), chunk_size_bytes=chunk_bytes
    )
    node.extend(swarm, catalog, stores)
    count = len(catalog.chunks)
    node.submit(swarm, [Fetch(OrderId(0), ChunkIndex(0), count, source=None)])
    while not any(isinstance(event, ObjectLanded) for event in node.poll(swarm, 1.0)):
        pass
    ready = {"address": address, "swarm": swarm, "token": token, "chunks": count}
    print(json.dumps(ready), flush=True)
    sys.stdin.read()
    node.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
