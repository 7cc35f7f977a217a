"""How an unexpected exception is reported."""

from __future__ import annotations

from xfd_api.errors import InternalError, XfdError


def as_xfd_error(error: BaseException, node: str | None = None) -> XfdError:
    """Fills the node into an error of xfd; turns any other exception into an `InternalError`."""
    if isinstance(error, XfdError):
        return error if node is None else error.at_node(node)
    unexpected = InternalError(f"{type(error).__name__}: {error}", node=node)
    unexpected.__cause__ = error
    return unexpected
