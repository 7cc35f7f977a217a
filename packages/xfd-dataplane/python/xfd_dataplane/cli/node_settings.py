"""From the options of `get`, and what is configured, to how `get` works."""

from __future__ import annotations

import argparse

from xfd_api.configuration import Configuration, load
from xfd_api.node_configuration import node_settings
from xfd_api.settings import NodeSettings


def settings_of(
    options: argparse.Namespace, configuration: Configuration | None = None
) -> NodeSettings:
    """The settings that the options of `get` ask for; root and hub cache are left to the node.

    Args:
        options: those of `shared_options.add_transfer`.
        configuration: what holds for options that are not given; None reads it.

    Raises:
        InvalidRequestError: a file or a variable has a wrong setting.
    """
    return node_settings(
        load() if configuration is None else configuration,
        unpack={
            "max_entries": options.max_entries,
            "max_bytes": options.max_unpacked,
            "max_ratio": options.max_ratio,
        },
        node_parallelism=options.parallel,
        memory_budget_bytes=options.memory_budget,
        download_bytes_per_s=options.limit_rate,
        connect_timeout_s=options.connect_timeout,
        read_timeout_s=options.read_timeout,
        attempts=options.attempts,
        verify_whole=options.verify_whole,
    )


def configure(options: argparse.Namespace) -> NodeSettings:
    """Sets the options of a call that were not given as they are configured.

    Returns:
        See `settings_of`.

    Raises:
        InvalidRequestError: a file or a variable has a wrong setting.
    """
    configuration = load()
    for name, key in (
        ("chunk_size", "chunk_size_bytes"),
        ("deadline", "deadline_s"),
        ("durability", "durability"),
    ):
        setattr(options, name, configuration.resolve(key, getattr(options, name, None)))
    options.configured_progress = configuration.resolve("progress")
    return settings_of(options, configuration)
