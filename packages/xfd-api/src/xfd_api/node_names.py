"""Names of nodes for people: the machine's name beside the node's id."""

from __future__ import annotations

from xfd_api.ids import LOCAL_NODE

SHORT_ID = 12
"""Characters of an id that tell the nodes of a cluster apart."""


def node_name(node: str, host: str = "") -> str:
    """The host's name and the first characters of the node's id, as far as there are both.

    Args:
        node: the node's id.
        host: the name of its machine; empty if it is unknown.

    Example:
        >>> node_name("3f2a91c0d2e4b5a697887766", "gpu-17")
        'gpu-17 (3f2a91c0d2e4)'
        >>> node_name("3f2a91c0d2e4b5a697887766")
        '3f2a91c0d2e4'
    """
    if host and node == LOCAL_NODE:
        return host
    return f"{host} ({node[:SHORT_ID]})" if host else node[:SHORT_ID]
