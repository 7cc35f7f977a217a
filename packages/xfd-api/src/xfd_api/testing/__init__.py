"""For tests: stand-ins for what lies below the scheduler and xfd_ray, and a suite for origins.

The stand-ins are catalogs, an origin and data planes. Nothing here moves bytes, opens a socket or
touches a disk; what the suite of origins needs for that is given to it.
"""

from xfd_api.testing.catalogs import by_index, catalog_of, found_object
from xfd_api.testing.dataplane import FakeDataPlane, FakeFault
from xfd_api.testing.origin import FakeOrigin
from xfd_api.testing.origin_suite import (
    ORIGIN_STORIES,
    OriginPlace,
    OriginStory,
    OriginTraits,
    Reader,
    WritableStore,
    story_name,
)

__all__ = [
    "ORIGIN_STORIES",
    "FakeDataPlane",
    "FakeFault",
    "FakeOrigin",
    "OriginPlace",
    "OriginStory",
    "OriginTraits",
    "Reader",
    "WritableStore",
    "by_index",
    "catalog_of",
    "found_object",
    "story_name",
]
