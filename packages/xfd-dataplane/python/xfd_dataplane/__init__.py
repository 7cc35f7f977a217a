"""Fetches, verifies, serves and unpacks large objects, on one host or in a swarm."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if sys.platform != "linux":
    from xfd_api.errors import PlatformError

    raise PlatformError("xfd_dataplane was imported on another system")

if TYPE_CHECKING:
    from typing import Any

    from xfd_dataplane.cancellation import Cancellation
    from xfd_dataplane.downloading import download
    from xfd_dataplane.listing import list_objects
    from xfd_dataplane.node import Node
    from xfd_dataplane.verification import Mismatch, VerifyReport, verify

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

_MODULES = {
    "Cancellation": "cancellation",
    "Mismatch": "verification",
    "Node": "node",
    "VerifyReport": "verification",
    "download": "downloading",
    "list_objects": "listing",
    "verify": "verification",
}
"""The module of each name, imported when the name is first used (PEP 562). Programs start sooner,
and the command handles Ctrl-C before most of it is imported."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
