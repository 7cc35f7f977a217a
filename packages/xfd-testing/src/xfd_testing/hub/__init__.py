"""A stand-in of the Hugging Face hub: what its clients ask is answered, counted and broken here."""

from xfd_testing.hub.cdn import Cdn, Fault
from xfd_testing.hub.limits import RateLimit
from xfd_testing.hub.repository import HubFile, Repository
from xfd_testing.hub.server import HubServer, running
from xfd_testing.hub.wire import Exchange

__all__ = [
    "Cdn",
    "Exchange",
    "Fault",
    "HubFile",
    "HubServer",
    "RateLimit",
    "Repository",
    "running",
]
