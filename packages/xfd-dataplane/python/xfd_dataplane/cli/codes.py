"""The command's exit codes. Imports nothing, because Ctrl-C needs one before anything is loaded."""

from __future__ import annotations

OK = 0
ERROR = 1
USAGE = 2
NOT_FOUND = 3
DENIED = 4
VERIFICATION = 5
DESTINATION = 6
UNREACHABLE = 7
INTERRUPTED = 130
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
