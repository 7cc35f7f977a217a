"""The one exception tree of xfd.

Every leaf is also the built-in exception that a caller would expect (`FileNotFoundError`,
`PermissionError`, `TimeoutError` ...), so code that knows nothing of xfd can still catch it.
Each error is a value: what happened, the object, the node and the path it happened to, and what
to do about it. All of them survive pickling, with every field, so the type raised on one host is
the type raised through Ray.

Their fields are as they came, but for passwords in URLs; as text, they are fit for a terminal.

Rust raises these classes by name, through one exhaustive match (`errors.rs` of the pyo3 skin).
"""

from __future__ import annotations

from typing import Any, ClassVar

from xfd_api.sanitize import sanitized, without_credentials


class XfdError(Exception):
    """Base of all errors of xfd.

    Attributes:
        what: what happened, a sentence without a full stop.
        object: the uri or key concerned, if one is.
        node: the id of the node where it happened, if it is known.
        path: the local path concerned, if one is.
        remedy: what the reader can do about it.
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
        # What a library or a user wrote may hold an URL with a password.
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
            if value is not None
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
        """The same error, saying on which node it happened, unless it says so already."""
        if self.node is not None:
            return self
        return type(self)(self.what, **{**self.fields(), "node": node})

    def __reduce__(self) -> tuple[Any, ...]:
        return (_remake, (type(self), self.what, self.fields()))


def _remake(kind: type[XfdError], what: str, fields: dict[str, Any]) -> XfdError:
    return kind(what, **fields)


# What was asked for cannot be done: raised before a byte is moved.


class InvalidRequestError(XfdError, ValueError):
    """A request or a setting makes no sense by itself."""


class UnknownProfileError(XfdError, LookupError):
    """A request names a profile that the configuration lacks."""

    remedy_by_default = "Add the profile to ObjectStoreConfigByProfile, or correct profile_name"


class UnsafePathError(XfdError, ValueError):
    """A uri, key or archive entry would land outside its destination."""

    remedy_by_default = "Use a path without '..' that stays below its destination"


class DestinationConflictError(XfdError, ValueError):
    """Two different objects want the same destination, or one wants to be a folder of another."""

    remedy_by_default = "Give each object a destination of its own"


class VersionConflictError(DestinationConflictError):
    """The object was overwritten at its store, and an open call has the older version there."""

    remedy_by_default = "Wait until the other call is over, or give another destination"


class UnknownArchiveError(XfdError, ValueError):
    """The archive's format cannot be told from its name."""

    remedy_by_default = "Name the format with UnpackOptions(unpack_method=...)"


class PlatformError(XfdError, NotImplementedError):
    """xfd runs on Linux only."""

    remedy_by_default = "Run on Linux, x86-64 or aarch64"


# The origin said no, or said nothing.


class ObjectNotFoundError(XfdError, FileNotFoundError):
    """The origin has no such object, or no object under such a prefix."""

    remedy_by_default = "Check bucket and key"


class AccessDeniedError(XfdError, PermissionError):
    """The origin refused the credentials, or the credentials may not read this."""

    remedy_by_default = "Check the access key, its rights and the region"


class CredentialsError(XfdError, PermissionError):
    """No credentials could be found or refreshed."""

    remedy_by_default = "Give keys in make_for_s3, or set up the AWS credential chain on the node"


class OriginUnreachableError(XfdError, ConnectionError):
    """No connection to the origin, or each one broke."""

    remedy_by_default = "Check the endpoint and the node's network"


class OriginTimeoutError(XfdError, TimeoutError):
    """The origin stopped answering."""

    remedy_by_default = "Check the endpoint's load, or allow more time"


class OriginThrottledError(XfdError, ConnectionError):
    """The origin kept asking for fewer requests (503 SlowDown, 429)."""

    remedy_by_default = "Lower object_store_parallelism, or raise the store's request limit"


class OriginAnswerError(XfdError, OSError):
    """The origin answered with what its protocol does not allow, or with an unexpected status."""

    remedy_by_default = "Check that the endpoint is the object store's"


class ObjectChangedError(XfdError, OSError):
    """The object was overwritten while it was downloaded; nothing of it was kept."""

    remedy_by_default = "Run the download again"


class ChecksumMismatchError(XfdError, OSError):
    """Bytes differ from their checksum, again and again."""

    remedy_by_default = "Check the object at its store, and the node's memory and disk"


# The place where it should land.


class DestinationNotWritableError(XfdError, PermissionError):
    """The destination or its folder cannot be written."""

    remedy_by_default = "Check the folder's owner and mode, or choose another destination"


class DestinationNotEmptyError(XfdError, FileExistsError):
    """A non-empty folder that xfd did not make stands where a tree should be unpacked."""

    remedy_by_default = "Remove the folder, or unpack into another one"


class DestinationError(XfdError, OSError):
    """The file system failed while the destination was read or written."""

    remedy_by_default = "Check the disk and the path"


class DiskFullError(XfdError, OSError):
    """The disk has not enough room for what was asked for."""

    remedy_by_default = "Free the room that is named, or choose another destination"


class DestinationBusyError(XfdError, BlockingIOError):
    """Another process is writing the same destination."""

    remedy_by_default = "Wait for the other download to end"


# Archives.


class ArchiveCorruptError(XfdError, ValueError):
    """The archive cannot be read as what it is said to be."""

    remedy_by_default = "Check the object, or name its format with unpack_method"


class ArchiveUnsafeError(XfdError, ValueError):
    """An entry would leave the tree, or is a device."""

    remedy_by_default = "Make the archive again without this entry"


class ArchiveTooLargeError(XfdError, ValueError):
    """The archive unpacks to more entries or bytes than the caps allow."""

    remedy_by_default = "Raise the cap in the settings if you trust the archive"


class ArchiveUnsupportedError(XfdError, ValueError):
    """The archive uses a feature that xfd does not unpack."""

    remedy_by_default = "Make the archive again without this feature"


# The cluster.


class PeerError(XfdError, ConnectionError):
    """A peer did not deliver a chunk."""

    remedy_by_default = "Check the network between the nodes and the peer port range"


class PeerPortError(XfdError, OSError):
    """The peer server could not listen."""

    remedy_by_default = "Give peer_ports a range with a free port"


class NoNodesError(XfdError, LookupError):
    """No live node of the cluster matches the selection."""

    remedy_by_default = "Check nodes= and that the Ray nodes are alive"


class ClusterConnectionError(XfdError, ConnectionError):
    """This process has no connection to Ray, and got none: no cluster is there, or not for it."""

    remedy_by_default = "Check RAY_ADDRESS, and that the cluster is up"


class NodeLostError(XfdError, ConnectionError):
    """A node was lost while the distribution ran."""

    remedy_by_default = "Run again on the nodes that are left, or use on_node_failure='continue'"


class NodeUnavailableError(NodeLostError):
    """Ray lists the node as alive, and starts no process on it: it is being drained, say."""

    remedy_by_default = "Leave the node out with nodes=, or run again when it is gone or back"


class VersionMismatchError(XfdError, RuntimeError):
    """A node has other versions of the xfd packages, or lacks them."""

    remedy_by_default = "Install the same versions of the xfd packages on every node"


class CoordinatorLostError(XfdError, ConnectionError):
    """The coordinator actor ended, and could not be started again."""

    remedy_by_default = "Run the download again; what has landed is kept"


class DeadlineExceededError(XfdError, TimeoutError):
    """The distribution was not over within deadline_s."""

    remedy_by_default = "Allow more time; a second run goes on where this one stopped"


class DownloadCancelledError(XfdError, InterruptedError):
    """The caller stopped the download."""

    remedy_by_default = "Run it again to go on where it stopped"


class InternalError(XfdError, RuntimeError):
    """A promise inside xfd was broken: a bug."""

    remedy_by_default = "Please report it with this message"
