"""Settings of a node's data plane, as they are configured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xfd_api.configuration.configuration import Configuration
from xfd_api.settings import NodeSettings, UnpackCaps


def node_settings(
    configuration: Configuration, *, unpack: Mapping[str, Any] | None = None, **given: Any
) -> NodeSettings:
    """The settings of a data plane. None in the arguments stands for what is configured.

    Args:
        configuration: the environment's and the files' settings.
        unpack: fields of `UnpackCaps`.
        given: fields of `NodeSettings`.

    Raises:
        InvalidRequestError: a setting cannot have its value.

    Example:
        >>> node_settings(Configuration(), attempts=3, read_timeout_s=None).read_timeout_s
        20.0
    """
    values = {
        each.setting.name: each.value
        for each in configuration.values()
        if each.setting.key.startswith("node.")
        # Each node reads such a variable itself: its disk may be of another size.
        and not ("node" in each.setting.readers and each.source == "environment")
    }
    values["node_parallelism"] = configuration.resolve("node_parallelism")
    values["unpack_caps"] = UnpackCaps(**{**configuration.table("unpack"), **_named(unpack or {})})
    return NodeSettings(**{**values, **_named(given)})


def _named(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}
