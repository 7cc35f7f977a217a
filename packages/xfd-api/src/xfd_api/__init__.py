"""Requests, stores, reports and errors: the data model that the packages of xfd share.

import xfd_api as file_distribution
"""

from xfd_api import errors
from xfd_api.node_selector import NodeSelector
from xfd_api.paths import hub_cache, local_path, root
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.progress import NodeStanding, ObjectStanding, Phase, Progress
from xfd_api.requests import (
    DownloadRequest,
    HubDownloadRequest,
    Links,
    ObjectDownloadRequest,
    PrefixDownloadRequest,
    UnpackMethod,
    UnpackOptions,
)
from xfd_api.results import DistributionReport, NodeResult, ObjectResult
from xfd_api.settings import Durability, NodeSettings, UnpackCaps
from xfd_api.stores import ObjectStoreConfig
from xfd_api.traffic import Prices, Traffic, ZoneBytes

__version__ = "0.1.0"

__all__ = [
    "DistributionReport",
    "DownloadRequest",
    "Durability",
    "HubDownloadRequest",
    "NodeResult",
    "NodeSelector",
    "NodeSettings",
    "NodeStanding",
    "ObjectDownloadRequest",
    "ObjectResult",
    "ObjectStanding",
    "ObjectStoreConfig",
    "ObjectStoreConfigByProfile",
    "Phase",
    "PrefixDownloadRequest",
    "Prices",
    "Progress",
    "Traffic",
    "Links",
    "UnpackCaps",
    "UnpackMethod",
    "UnpackOptions",
    "ZoneBytes",
    "__version__",
    "errors",
    "hub_cache",
    "local_path",
    "root",
]
