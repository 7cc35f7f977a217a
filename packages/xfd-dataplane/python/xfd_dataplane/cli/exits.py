"""Which exit code an error ends the command with."""

from __future__ import annotations

from xfd_api import errors
from xfd_dataplane.cli import codes

_BY_CLASS: tuple[tuple[tuple[type[errors.XfdError], ...], int], ...] = (
    (
        (
            errors.InvalidRequestError,
            errors.UnknownProfileError,
            errors.UnsafePathError,
            errors.DestinationConflictError,
            errors.UnknownArchiveError,
        ),
        codes.USAGE,
    ),
    (
        (errors.ObjectNotFoundError, errors.NoNodesError, errors.CacheEntryNotFoundError),
        codes.NOT_FOUND,
    ),
    ((errors.AccessDeniedError, errors.CredentialsError), codes.DENIED),
    ((errors.ChecksumMismatchError,), codes.VERIFICATION),
    (
        (
            errors.DestinationNotWritableError,
            errors.DestinationNotEmptyError,
            errors.DestinationBusyError,
            errors.DestinationError,
            errors.DiskFullError,
        ),
        codes.DESTINATION,
    ),
    (
        (
            errors.OriginUnreachableError,
            errors.OriginTimeoutError,
            errors.OriginThrottledError,
            errors.DeadlineExceededError,
            errors.ClusterConnectionError,
        ),
        codes.UNREACHABLE,
    ),
)


def exit_code(error: errors.XfdError) -> int:
    """The code that an error ends the command with."""
    for classes, code in _BY_CLASS:
        if isinstance(error, classes):
            return code
    return codes.ERROR
