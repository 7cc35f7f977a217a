"""The base of all errors: what happened, where, and what to do. Its leaves are in `errors`."""

from __future__ import annotations

from typing import Any, ClassVar

from xfd_api.sanitize import sanitized, without_credentials


class XfdError(Exception):
    """Base of all errors of xfd.

    Attributes:
        what: what happened: a sentence without a full stop.
        object: the uri or key concerned, if any.
        node: the id of the node where it happened, if known.
        path: the local path concerned, if any.
        remedy: what the reader can do.

    Example:
        >>> from xfd_api.errors import ObjectNotFoundError
        >>> error = ObjectNotFoundError("No such object", object="models/a.bin")
        >>> str(error)
        'No such object (object models/a.bin). Check the uri, and the store that it is in'
        >>> isinstance(error, FileNotFoundError)
        True
    """

    remedy_by_default: ClassVar[str] = ""

    def __init__(
        self,
        what: str,
        *,
        object: str | None = None,
        node: str | None = None,
        path: str | None = None,
        remedy: str | None = None,
    ) -> None:
        # Text of a library or a user may contain a URL with a password.
        what = without_credentials(what)
        super().__init__(what)
        self.what = what
        self.object = None if object is None else without_credentials(object)
        self.node = node
        self.path = path
        self.remedy = self.remedy_by_default if remedy is None else without_credentials(remedy)

    def __str__(self) -> str:
        places = [
            f"{name} {value}"
            for name, value in (("object", self.object), ("path", self.path), ("node", self.node))
            if value
        ]
        where = f" ({', '.join(places)})" if places else ""
        remedy = f". {self.remedy}" if self.remedy else ""
        return sanitized(f"{self.what}{where}{remedy}")

    def fields(self) -> dict[str, Any]:
        """The keyword arguments that make an equal error."""
        return {
            "object": self.object,
            "node": self.node,
            "path": self.path,
            "remedy": self.remedy,
        }

    def at_node(self, node: str) -> XfdError:
        """The same error with this node, unless it has a node."""
        if self.node is not None:
            return self
        return type(self)(self.what, **{**self.fields(), "node": node})

    def __reduce__(self) -> tuple[Any, ...]:
        return (_remake, (type(self), self.what, self.fields()))


def _remake(kind: type[XfdError], what: str, fields: dict[str, Any]) -> XfdError:
    return kind(what, **fields)
