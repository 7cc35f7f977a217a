"""Reads catalogs with a node of its own, as the conformance suite of origins asks."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from xfd_api.chunks import Catalog
from xfd_api.errors import InternalError
from xfd_api.ids import NodeId, OrderId, SwarmId
from xfd_api.orders import Discard, Fetch
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.reports import ObjectFailed, ObjectLanded, OrderFailed
from xfd_api.settings import NodeSettings, SwarmTicket
from xfd_dataplane import Node


class NodeReader:
    """A `Reader` whose folder is a new one at each read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(
        self, catalog: Catalog, stores: ObjectStoreConfigByProfile
    ) -> Mapping[str, bytes | None]:
        root = Path(tempfile.mkdtemp(dir=self._folder))
        node = Node(NodeId("reader"), NodeSettings(root=str(root), attempts=2))
        swarm = SwarmId("suite")
        try:
            node.join(SwarmTicket(swarm, "token-of-the-suite"))
            inventory = node.extend(swarm, catalog, stores)
            self._fetch(node, swarm, catalog, len(inventory.landed))
        finally:
            node.close()
        found = sorted(
            path
            for path in root.rglob("*")
            if not path.name.startswith(".") and ".xfd-cache" not in path.parts
        )
        return {
            str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
            for path in found
            if path.is_file() or not any(path.iterdir())
        }

    def _fetch(self, node: Node, swarm: SwarmId, catalog: Catalog, landed: int) -> None:
        orders = 0
        suspects = 0
        for chunk in catalog.chunks:
            node.submit(swarm, [Fetch(OrderId(orders), chunk.index, 1, None)])
            orders += 1
        while landed < len(catalog.objects):
            events = node.poll(swarm, 30.0)
            if not events:
                raise InternalError("Nothing happened for half a minute")
            for event in events:
                match event:
                    case ObjectLanded():
                        landed += 1
                    case ObjectFailed(chunks_suspect=True) if not suspects:
                        suspects += 1
                        chunks = tuple(chunk.index for chunk in catalog.chunks)
                        node.submit(swarm, [Discard(chunks)])
                        for index in chunks:
                            node.submit(swarm, [Fetch(OrderId(orders), index, 1, None)])
                            orders += 1
                    case ObjectFailed() | OrderFailed():
                        raise event.error
                    case _:
                        pass
