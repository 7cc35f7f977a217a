"""Stand-ins for tests of the parts above the data plane: catalogs, an origin, nodes in memory.

Nothing here moves bytes, opens a socket or touches a disk.
"""

from xfd_api.testing.catalogs import catalog_of, found_object
from xfd_api.testing.dataplane import FakeDataPlane
from xfd_api.testing.origin import FakeOrigin
from xfd_api.testing.state import FakeFault

__all__ = ["FakeDataPlane", "FakeFault", "FakeOrigin", "catalog_of", "found_object"]
