"""Fetches, verifies, serves and unpacks large objects; alone on one host or in a swarm."""

import sys

from xfd_api.errors import PlatformError

if sys.platform != "linux":
    raise PlatformError("xfd_dataplane was imported on another system")

from xfd_dataplane._native import Node
from xfd_dataplane.download import download
from xfd_dataplane.listing import list_objects
from xfd_dataplane.verify import Mismatch, VerifyReport, verify
from xfd_dataplane.watch import Cancellation

__version__ = "0.1.0"

__all__ = [
    "Cancellation",
    "Mismatch",
    "Node",
    "VerifyReport",
    "__version__",
    "download",
    "list_objects",
    "verify",
]
