"""Fetches, verifies, serves and unpacks large objects; alone on one host or in a swarm."""

import sys
from typing import TYPE_CHECKING, Any

from xfd_api.errors import PlatformError

if sys.platform != "linux":
    raise PlatformError("xfd_dataplane was imported on another system")

from xfd_dataplane._native import Node
from xfd_dataplane.download import download
from xfd_dataplane.listing import list_objects
from xfd_dataplane.watch import Cancellation

if TYPE_CHECKING:
    from xfd_dataplane.verifying import Mismatch, VerifyReport, verify

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


def __getattr__(name: str) -> Any:
    """Loads what only some programs need when it is asked for: the command starts sooner."""
    if name not in ("Mismatch", "VerifyReport", "verify"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from xfd_dataplane import verifying

    return getattr(verifying, name)
