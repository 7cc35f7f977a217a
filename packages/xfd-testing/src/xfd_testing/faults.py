"""What can go wrong with one answer of a store or a peer, for `xfd_testing.faulty_proxy`. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

SILENCE = b"\0" * 64 * 1024


@dataclass(frozen=True)
class HttpRequest:
    """One request that arrived.

    Attributes:
        number: how many came before it, of all methods.
        at: when, by `time.monotonic`, in seconds.
        method: GET or HEAD.
        target: path and query.
    """

    number: int
    at: float
    method: str
    target: str

    @property
    def is_of_bytes(self) -> bool:
        """Whether it asks for the bytes of an object, or of a chunk."""
        return self.method == "GET" and "list-type=" not in self.target


@dataclass(frozen=True)
class Refuse:
    """An error of S3 instead of the answer; `retry_after` in seconds."""

    status: int
    code: str
    retry_after: int | None = None

    def answer(self, method: str) -> bytes:
        """All of the answer."""
        body = f"<Error><Code>{self.code}</Code><Message>By the rule</Message></Error>".encode()
        more = "" if self.retry_after is None else f"Retry-After: {self.retry_after}\r\n"
        head = f"HTTP/1.1 {self.status} By the rule\r\nContent-Type: application/xml\r\n"
        head += f"{more}Content-Length: {len(body)}\r\n\r\n"
        return head.encode() + (b"" if method == "HEAD" else body)


@dataclass(frozen=True)
class Break:
    """The connection is reset after so many bytes of a longer body; None: before any answer."""

    after: int | None = None


@dataclass(frozen=True)
class Hang:
    """Nothing more comes after so many bytes of a longer body; None: no answer at all."""

    after: int | None = None


@dataclass(frozen=True)
class Alter:
    """`change` gets the head, and the trailer if there is one, and returns another one."""

    change: Callable[[bytes], bytes]


@dataclass(frozen=True)
class Shorten:
    """The body ends in order, `by` bytes before it should; a chunked one after so many bytes."""

    by: int


@dataclass(frozen=True)
class Flip:
    """The lowest bit of the body's byte at this place is turned."""

    at: int


@dataclass(frozen=True)
class Endless:
    """Zeros follow the body, for ever."""


@dataclass(frozen=True)
class Drip:
    """The body comes byte by byte, with so many seconds between two of them."""

    pause_s: float


Fault = Refuse | Break | Hang | Alter | Shorten | Flip | Endless | Drip


@dataclass(frozen=True)
class Answered:
    """An answer as a fault makes it.

    Attributes:
        head: that is sent.
        is_chunked: whether the body has the chunked transfer coding.
        end: after how many bytes of the real body it ends; None for its real end.
        ends: `Break` or `Hang` if it does not end in order; None if it does.
        fault: that is done to the bytes.
    """

    head: bytes
    is_chunked: bool
    end: int | None
    ends: type[Break | Hang] | None
    fault: Fault | None

    def pieces(self, piece: bytes, at: int) -> Iterator[tuple[bytes, float]]:
        """What is sent for a piece of the real body at this offset, and the pause after each.

        The piece is empty at the end of the body.

        Example:
            >>> list(Answered(b"", False, 5, Break, Break(5)).pieces(b"abcd", 3))
            [(b'ab', 0.0)]
        """
        if isinstance(self.fault, Endless) and not piece:
            yield from itertools.repeat((SILENCE, 0.0))
        if self.end is not None:
            piece = piece[: max(0, self.end - at)]
        if isinstance(self.fault, Flip) and at <= self.fault.at < at + len(piece):
            place = self.fault.at - at
            piece = piece[:place] + bytes([piece[place] ^ 1]) + piece[place + 1 :]
        if isinstance(self.fault, Drip):
            for byte in piece:
                yield bytes([byte]), self.fault.pause_s
            return
        if piece:
            yield piece, 0.0


def spoiled(fault: Fault | None, head: bytes, length: int | None) -> Answered:
    """The answer with this head and a body of `length` bytes (None: chunked), with a fault."""
    end, ends, is_chunked = length, None, length is None
    if isinstance(fault, Alter):
        head = fault.change(head)
    elif isinstance(fault, Shorten) and length is not None:
        end = max(0, length - fault.by)
        head = _with_length(head, f"Content-Length: {end}")
    elif isinstance(fault, Shorten):
        end = fault.by
    elif isinstance(fault, Endless) and length is not None:
        head, is_chunked, end = _with_length(head, "Transfer-Encoding: chunked"), True, None
    elif isinstance(fault, Break | Hang) and (length is None or (fault.after or 0) < length):
        end, ends = fault.after, type(fault)
    return Answered(head, is_chunked, end, ends, fault)


def field_of(head: bytes, name: bytes) -> bytes | None:
    r"""The value of a header field; None if it is not there.

    >>> field_of(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", b"content-length")
    b'3'
    """
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return None


def _with_length(head: bytes, field: str) -> bytes:
    return re.sub(rb"(?im)^content-length:[^\r]*", field.encode(), head)
