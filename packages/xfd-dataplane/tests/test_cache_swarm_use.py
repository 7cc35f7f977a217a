"""What a running swarm writes into the index, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from xfd_api.chunks import Catalog, CatalogObject, FoundObject
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.reports import ObjectLanded
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane.cache.node_cache import NodeCache
from xfd_dataplane.cache.swarm_use import ENTERED_EVERY_S, SwarmUse


@pytest.mark.parametrize(
    ("after_s", "count"),
    [(0.0, 0), (ENTERED_EVERY_S, 0), (ENTERED_EVERY_S + 0.1, 1)],
)
def test_what_landed_is_entered_in_time_though_nothing_lands_after_it(
    tmp_path: Path, after_s: float, count: int
) -> None:
    now = [100.0]
    cache = NodeCache(tmp_path / "root", tmp_path / "hub")
    use = SwarmUse(cache, lambda _: None, clock=lambda: now[0])
    found = FoundObject("a", 5, etag='"1"')
    catalog = Catalog((CatalogObject(0, None, "bucket", found, "a"),), ())
    stores = ObjectStoreConfigByProfile({None: ObjectStoreConfig.make_for_s3("bucket")})
    use.begin(catalog, stores)
    use.found([])

    use.handle([ObjectLanded(0)])
    now[0] += after_s
    use.handle([])

    with cache.opened() as index:
        assert len(index.entries()) == count
