"""From the options of `get` to the settings of a data plane."""

from __future__ import annotations

import argparse

from xfd_api.settings import NodeSettings, UnpackCaps
from xfd_dataplane.downloading import node_settings


def settings_of(options: argparse.Namespace) -> NodeSettings:
    """The settings that the options of `get` ask for; root and hub cache are left to the node."""
    caps = {
        "max_entries": options.max_entries,
        "max_bytes": options.max_unpacked,
        "max_ratio": options.max_ratio,
    }
    return node_settings(
        node_parallelism=options.parallel,
        memory_budget_bytes=options.memory_budget,
        download_bytes_per_s=options.limit_rate,
        connect_timeout_s=options.connect_timeout,
        read_timeout_s=options.read_timeout,
        attempts=options.attempts,
        unpack_caps=UnpackCaps(**{name: cap for name, cap in caps.items() if cap is not None}),
        verify_whole=options.verify_whole,
    )
