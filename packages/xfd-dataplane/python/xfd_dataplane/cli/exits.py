"""What the command's exit code says."""

from __future__ import annotations

from xfd_api import errors
from xfd_dataplane.cli import INTERRUPTED as INTERRUPTED

OK = 0
ERROR = 1
USAGE = 2
NOT_FOUND = 3
DENIED = 4
VERIFICATION = 5
DESTINATION = 6
UNREACHABLE = 7
BROKEN_PIPE = 141
TERMINATED = 143

MEANINGS = {
    OK: "everything is at its destination",
    ERROR: "any other error",
    USAGE: "the command line makes no sense",
    NOT_FOUND: "no such object, bucket or prefix",
    DENIED: "the store refused the credentials, or there are none",
    VERIFICATION: "bytes differ from their checksum, or a file from its record",
    DESTINATION: "the destination cannot be written, is not empty, is busy, or has too little room",
    UNREACHABLE: "the store did not answer; worth trying again",
    INTERRUPTED: "stopped by Ctrl-C; the next run goes on from there",
    BROKEN_PIPE: "the reader of standard output went away before the object's end",
    TERMINATED: "stopped by SIGTERM; the next run goes on from there",
}

_BY_CLASS: tuple[tuple[tuple[type[errors.XfdError], ...], int], ...] = (
    (
        (
            errors.InvalidRequestError,
            errors.UnknownProfileError,
            errors.UnsafePathError,
            errors.DestinationConflictError,
            errors.UnknownArchiveError,
        ),
        USAGE,
    ),
    ((errors.ObjectNotFoundError,), NOT_FOUND),
    ((errors.AccessDeniedError, errors.CredentialsError), DENIED),
    ((errors.ChecksumMismatchError,), VERIFICATION),
    (
        (
            errors.DestinationNotWritableError,
            errors.DestinationNotEmptyError,
            errors.DestinationBusyError,
            errors.DestinationError,
            errors.DiskFullError,
        ),
        DESTINATION,
    ),
    (
        (
            errors.OriginUnreachableError,
            errors.OriginTimeoutError,
            errors.OriginThrottledError,
            errors.DeadlineExceededError,
        ),
        UNREACHABLE,
    ),
)


def exit_code(error: errors.XfdError) -> int:
    """The code that an error ends the command with."""
    for classes, code in _BY_CLASS:
        if isinstance(error, classes):
            return code
    return ERROR
