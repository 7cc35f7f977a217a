"""The files that are kept beside a destination have names that no other object may land at."""

from __future__ import annotations

from pathlib import Path

import pytest

from xfd_api.catalog import build_catalog
from xfd_api.errors import DestinationConflictError
from xfd_api.ids import ChunkIndex, NodeId, OrderId, SwarmId
from xfd_api.lookups import Lookup
from xfd_api.orders import Fetch
from xfd_api.profiles import by_profile
from xfd_api.reports import ChunkHeld, ObjectLanded
from xfd_api.settings import NodeSettings, SwarmTicket
from xfd_api.stores import ObjectStoreConfig
from xfd_api.testing.catalogs import catalog_of
from xfd_dataplane import Node

MIB = 2**20
SWARM = SwarmId("ab" * 16)
KINDS = {".xfd", ".xfd-part", ".xfd-journal", ".xfd-lock"}


def names_beside(name: str, place: Path) -> set[str]:
    """Every other name that shows up beside a file while it is fetched and once it has landed."""
    (place / "origin").mkdir()
    (place / "origin" / name).write_bytes(bytes(2 * MIB))
    stores = by_profile(ObjectStoreConfig.make_for_local(place / "origin"))
    lookup = Lookup(None, None, name, is_prefix=False, destination=f"out/{name}")
    node = Node(NodeId("n1"), NodeSettings(root=str(place)))
    catalog = build_catalog([lookup], node.find_objects([lookup], stores), chunk_size_bytes=MIB)
    node.join(SwarmTicket(SWARM, token="00" * 32))
    node.extend(SWARM, catalog, stores)
    seen = {path.name for path in (place / "out").iterdir()}
    for chunk, last in ((0, ChunkHeld), (1, ObjectLanded)):
        node.submit(SWARM, [Fetch(OrderId(chunk), ChunkIndex(chunk), 1, None)])
        while not any(isinstance(event, last) for event in node.poll(SWARM, 10)):
            pass
        seen |= {path.name for path in (place / "out").iterdir()}
    node.close()
    return seen - {name}


@pytest.mark.parametrize("name", ["w", "w.bin", "x" * 255], ids=len)
def test_no_object_lands_where_files_of_another_are_kept(name: str, tmp_path: Path) -> None:
    ours = names_beside(name, tmp_path)

    assert {"." + own.rpartition(".")[2] for own in ours} == KINDS
    for own in ours:
        for other in (own, f"{own}.new") if own.endswith(".xfd") else (own,):
            with pytest.raises(DestinationConflictError):
                catalog_of({name: 1, other: 1})


def test_a_long_name_does_not_forbid_what_only_begins_like_it() -> None:
    long, hidden = "x" * 255, "." + "x" * 100 + "~0123456789abcdef.xfd"

    assert len(catalog_of({long: 1, f"{hidden}-elsewhere": 1, "y/" + hidden: 1}).objects) == 3
