"""Why nothing arrives on a node, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable

from xfd_api.ids import NodeId
from xfd_api.node_report import Stall

Names = Callable[[NodeId], str]
"""What a node is called, for people."""


def duration(seconds: float) -> str:
    """A time in its two largest units.

    Example:
        >>> duration(200)
        '3 min 20 s'
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def stall_words(
    stall: Stall, idle_s: float, lack: str = "no bytes", *, name_of: Names = str
) -> str:
    """What a node says of its stall.

    Args:
        stall: as the node reported it.
        idle_s: seconds without a byte by now.
        lack: what does not come.
        name_of: what the peer that it waits for is called.

    Example:
        >>> stall_words(Stall(9.0, None, "The origin answered with status 503 SlowDown"), 12.0)
        'no bytes for 12 s, the origin answered with status 503 SlowDown'
    """
    return f"{lack} for {duration(idle_s)}, {_reason(stall, name_of)}"


def _reason(stall: Stall, name_of: Names) -> str:
    failure = stall.failure.rstrip(".")
    words = failure[:1].lower() + failure[1:]
    if stall.source is None:
        return words or "the origin does not answer"
    peer = f"node {name_of(stall.source)}"
    return f"{peer}: {words}" if words else f"waits for {peer}"
