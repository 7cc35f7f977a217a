"""What an exception that nobody expected is told as."""

from __future__ import annotations

from xfd_api.errors import InternalError, XfdError


def as_xfd_error(error: BaseException, node: str | None = None) -> XfdError:
    """An error of xfd as it is, with the node filled in; any other as a bug, in its own words."""
    if isinstance(error, XfdError):
        return error if node is None else error.at_node(node)
    told = InternalError(f"{type(error).__name__}: {error}", node=node)
    told.__cause__ = error
    return told
