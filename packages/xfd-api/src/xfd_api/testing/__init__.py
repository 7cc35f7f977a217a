"""Test doubles for what lies below the scheduler and xfd_ray: catalogs, an origin, data planes.

Nothing here moves bytes, opens a socket or touches a disk.
"""

from xfd_api.testing.catalogs import catalog_of, found_object
from xfd_api.testing.dataplane import FakeDataPlane, FakeFault
from xfd_api.testing.origin import FakeOrigin

__all__ = ["FakeDataPlane", "FakeFault", "FakeOrigin", "catalog_of", "found_object"]
