"""The one exception tree of xfd.

Every leaf is also the built-in exception that a caller expects (`FileNotFoundError`,
`PermissionError`, `TimeoutError` ...), so code that knows nothing of xfd can still catch it.
Each error says what happened, the object, node and path concerned, and what to do. All errors can
be pickled with every field, so a caller gets through Ray the type that was raised on the node.

Passwords in URLs are removed from all fields. The text of an error is sanitized for terminals.

Rust raises these classes by name, through one exhaustive match (`errors.rs` of the pyo3 skin).
"""

from __future__ import annotations

from xfd_api.error_base import XfdError as XfdError

# Requests that cannot be carried out: raised before a byte is moved.


class InvalidRequestError(XfdError, ValueError):
    """A request or a setting makes no sense."""


class UnknownProfileError(XfdError, LookupError):
    """A request names a profile that the configuration lacks."""

    remedy_by_default = "Add the profile to ObjectStoreConfigByProfile, or correct profile_name"


class UnsafePathError(XfdError, ValueError):
    """A uri, key or archive entry would land outside its destination."""

    remedy_by_default = "Use a path without '..' that stays below its destination"


class DestinationConflictError(XfdError, ValueError):
    """Two objects have the same destination, or one lies inside another."""

    remedy_by_default = "Give each object a destination of its own"


class VersionConflictError(DestinationConflictError):
    """The object was overwritten at its store, and an open call has its older version."""

    remedy_by_default = "Wait until the other call is over, or give another destination"


class UnknownArchiveError(XfdError, ValueError):
    """The archive's name does not show its format."""

    remedy_by_default = "Name the format with UnpackOptions(unpack_method=...)"


class PlatformError(XfdError, NotImplementedError):
    """xfd runs on Linux only."""

    remedy_by_default = "Run on Linux, x86-64 or aarch64"


class MissingPackageError(XfdError, ImportError):
    """An optional package that the request needs is not installed."""

    remedy_by_default = "Install it on every node"


# Refusals and failures of the origin.


class ObjectNotFoundError(XfdError, FileNotFoundError):
    """The origin has no such object, or no object under such a prefix."""

    remedy_by_default = "Check the uri, and the store that it is in"


class CacheEntryNotFoundError(XfdError, FileNotFoundError):
    """xfd keeps nothing at this place of the node's cache."""

    remedy_by_default = "See what it keeps with `cache ls`"


class AccessDeniedError(XfdError, PermissionError):
    """The origin refused the credentials, or does not let them read the object."""

    remedy_by_default = "Check the credentials and their rights; for S3 the region too"


class CredentialsError(XfdError, PermissionError):
    """No credentials could be found or refreshed."""

    remedy_by_default = "Give credentials with the store, or set up its own chain on the node"


class OriginUnreachableError(XfdError, ConnectionError):
    """No connection to the origin could be made, or each one broke."""

    remedy_by_default = "Check the endpoint and the node's network"


class HubOfflineError(OriginUnreachableError):
    """`HF_HUB_OFFLINE` forbids to ask the hub, and no node's cache has what is wanted."""

    remedy_by_default = "Unset it, or fetch the whole repository once without it"


class OriginTimeoutError(XfdError, TimeoutError):
    """The origin stopped answering."""

    remedy_by_default = "Check the endpoint's load, or allow more time"


class OriginThrottledError(XfdError, ConnectionError):
    """The origin kept asking for fewer requests (503 SlowDown, 429)."""

    remedy_by_default = "Lower object_store_parallelism, or raise the store's request limit"


class OriginAnswerError(XfdError, OSError):
    """The origin's answer breaks its protocol, or has an unexpected status."""

    remedy_by_default = "Check that the endpoint is the object store's"


class ObjectChangedError(XfdError, OSError):
    """The object was overwritten while it was downloaded; nothing of it was kept."""

    remedy_by_default = "Run the download again"


class ChecksumMismatchError(XfdError, OSError):
    """Bytes differ from their checksum, also after retries."""

    remedy_by_default = "Check the object at its store, and the node's memory and disk"


class PinMismatchError(ChecksumMismatchError):
    """The store has another object than the one whose checksum the request names."""

    remedy_by_default = "Check the checksum in the request, and that the uri names its object"


# The destination.


class DestinationNotWritableError(XfdError, PermissionError):
    """The destination or its folder cannot be written."""

    remedy_by_default = "Check the folder's owner and mode, or choose another destination"


class DestinationNotEmptyError(XfdError, FileExistsError):
    """The folder to unpack into is not empty, and not a tree that xfd unpacked."""

    remedy_by_default = "Remove the folder, or unpack into another one"


class DestinationError(XfdError, OSError):
    """The file system failed while the destination was read or written."""

    remedy_by_default = "Check the disk and the path"


class DiskFullError(XfdError, OSError):
    """The disk has too little room for the requested files."""

    remedy_by_default = (
        "Free room there (`df` and `df -i` say what is used up), or choose another destination"
    )


class DestinationBusyError(XfdError, BlockingIOError):
    """Another process is writing the same destination."""

    remedy_by_default = "Wait for the other download to end"


# Reports that were saved.


class ReportFileError(XfdError, ValueError):
    """A file is no saved report, or a broken one."""

    remedy_by_default = "Save the report again, or name another file"


class ReportSchemaError(XfdError, ValueError):
    """A later version of xfd saved the report, in a form that this version cannot read."""

    remedy_by_default = "Read it with a version of xfd as new as the one that saved it"


# Archives.


class ArchiveCorruptError(XfdError, ValueError):
    """The archive cannot be read in its format."""

    remedy_by_default = "Check the object, or name its format with unpack_method"


class ArchiveUnsafeError(XfdError, ValueError):
    """An entry of the archive would leave the tree, or is a device."""

    remedy_by_default = "Make the archive again without this entry"


class ArchiveTooLargeError(XfdError, ValueError):
    """The archive unpacks to more entries or bytes than the caps allow."""

    remedy_by_default = "Raise the cap in the settings if you trust the archive"


class ArchiveUnsupportedError(XfdError, ValueError):
    """The archive uses a feature that xfd does not unpack."""

    remedy_by_default = "Make the archive again without this feature"


class CondaUnpackError(XfdError, ValueError):
    """The tree is no environment that conda-pack packed, or its own conda-unpack failed."""

    remedy_by_default = "Pack the environment with conda-pack, or unpack without conda_unpack"


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
    """This process cannot connect to Ray: there is no cluster, or it refuses the process."""

    remedy_by_default = "Check RAY_ADDRESS, and that the cluster is up"


class NodeLostError(XfdError, ConnectionError):
    """A node was lost while the distribution ran."""

    remedy_by_default = "Run again on the nodes that are left, or use on_node_failure='continue'"


class NodeUnavailableError(NodeLostError):
    """Ray lists the node as alive but starts no process on it, for example while it is drained."""

    remedy_by_default = "Leave the node out with nodes=, or run again when it is gone or back"


class VersionMismatchError(XfdError, RuntimeError):
    """A node has other versions of the xfd packages, or lacks them."""

    remedy_by_default = "Install the same versions of the xfd packages on every node"


class RuntimeEnvError(XfdError, RuntimeError):
    """Ray could not make the environment of the `runtime_env` on a node."""

    remedy_by_default = "Correct the runtime_env, or what the node installs its packages from"


class CoordinatorLostError(XfdError, ConnectionError):
    """The coordinator actor ended and could not be restarted."""

    remedy_by_default = "Run the download again; what has landed is kept"


class DeadlineExceededError(XfdError, TimeoutError):
    """The distribution was not over within deadline_s."""

    remedy_by_default = "Allow more time; a second run goes on where this one stopped"


class DownloadCancelledError(XfdError, InterruptedError):
    """The caller stopped the download."""

    remedy_by_default = "Run it again to go on where it stopped"


class InternalError(XfdError, RuntimeError):
    """An invariant of xfd does not hold: a bug."""

    remedy_by_default = "Please report it with this message"
